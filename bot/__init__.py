"""The composition root: settings, the turn, the dispatcher, timers, the app and the command line.

It joins dialogs and edges inside one transaction, and it is the only room that knows all the others.
"""
