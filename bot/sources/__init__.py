"""Reading directories of contacts, in the background and when an admin asks."""
