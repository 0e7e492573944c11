"""What ingest, worker and the command line have in common."""
