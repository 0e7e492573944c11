"""`python -m cli` is the `triggers` command."""

from cli.main import main

main()
