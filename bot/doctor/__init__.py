"""`watchword doctor`: is this installation well? One finding for each check, each with what to do about it.

It reads and never changes anything, and asks nobody outside but the servers it is set up with; `--live` sends a text.
"""
