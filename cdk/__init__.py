"""The deployment on AWS: one stack of data, one of services, and one for sustained volume."""
