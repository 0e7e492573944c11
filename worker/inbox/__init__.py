"""The read side: inbox pages, long polls and lookups."""
