"""What both HTTP apps have in common; the only part of `shared` that knows a web framework."""
