"""The deployment on AWS: a stack of what is kept, a stack of what serves, and one for sustained volume."""
