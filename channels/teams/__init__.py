"""Microsoft Teams: messages and cards, for the person they are addressed to and nobody else.

The bot framework stays inside this room; our own records of conversations are plain JSON.
"""
