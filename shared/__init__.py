"""Code shared by ingest, the worker, the console and the command line."""
