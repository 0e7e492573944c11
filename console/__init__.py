"""What an operator sees in a browser: the live page, how much waits, and the dead letters."""
