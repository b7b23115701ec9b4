"""Texts and spoken codes by Twilio: the only room that imports Twilio's SDK.

The signature is checked before anything is parsed, and codes leave by REST alone, never in a webhook's answer.
"""
