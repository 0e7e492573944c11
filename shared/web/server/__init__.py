"""The server side of HTTP/1.1: what a connection may cost before its API key is known."""
