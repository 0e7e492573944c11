"""Reads request bodies of each media type into events."""
