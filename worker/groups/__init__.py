"""Consumer groups: the members of a group share the events of an inbox by leases (docs/groups.md)."""
