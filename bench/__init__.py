"""Measures the pipeline against a plain build of the same, both in one run; see `script/bench --help`."""
