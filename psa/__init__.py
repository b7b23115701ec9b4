"""Ticket systems: one protocol, one file for each vendor, and a ticket store of our own.

A connector declares what it can do; nobody finds out by catching an error.
"""
