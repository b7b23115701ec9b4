"""Contacts that come from a directory elsewhere: what is connected, what was read, and what becomes of it here."""
