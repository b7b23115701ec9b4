"""Stand-ins for every outside system, with their state and with their refusals.

The demo and the tests talk to the same ones over real HTTP; they share no code with the adapters they test.
"""
