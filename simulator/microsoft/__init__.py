"""A stand-in for Microsoft 365: Entra's tokens and consent, Graph's organisations and people, with their refusals.

It shares nothing with the client that it stands opposite.
"""
