"""Packages other platforms install: the Teams app, the Slack app, the set-up of a phone number.

Each is built from a template and the tenant's settings, and holds no value that the code does not hold too.
"""
