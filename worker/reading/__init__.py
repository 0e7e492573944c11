"""What inboxes and groups share to read events: pages, counts, long polls and their answers."""
