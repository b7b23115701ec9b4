"""E-mail in and out: a sender's address counts only where our own mail server vouches for it."""
