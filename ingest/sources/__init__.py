"""Sources: URLs that take another service's webhooks as they are, and make an event of each delivery."""
