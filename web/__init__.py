"""Every page a person opens: console, pod, portal, settings, the end user's pages and the simulator's.

Pages come rendered from the server and work before any script runs; no page decides what a dialog should decide.
"""
