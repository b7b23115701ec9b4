"""What a conversation does next: machines, states, events, effects, messages and ports.

Pure: a dialog decides and never acts. It reads no clock, draws no lots and touches no network, disk or database.
"""
