"""The ways a message comes in and goes out, one room for each.

A channel proves a message authentic and translates it both ways; it never decides, and never knows another channel.
"""
