"""Builds the OpenAPI document; no runtime package imports it."""
