"""Compare the pipeline with a plain build of the same system, in one run; see `script/bench --help`."""
