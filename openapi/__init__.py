"""Builds the OpenAPI document; nothing at run time imports it."""
