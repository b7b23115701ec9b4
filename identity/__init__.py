"""Proofs and sign-in: who is at the keyboard, and how sure we are.

Passwords, second factors, pushes, passkeys and directories live here; an answer names its strength, never a bare yes.
"""
