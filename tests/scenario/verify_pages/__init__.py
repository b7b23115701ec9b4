"""Verifying a caller in the console: from the contact, from the ticket, from the list, by forms alone."""
