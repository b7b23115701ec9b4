"""Microsoft 365 as a source of contacts: tokens from Entra, people from Graph, and an administrator's consent.

Plain HTTP over a session that is handed in; nothing is stored here. Never checked against the live service.
"""
