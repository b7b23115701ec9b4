"""AI VoiceAssist: turns sound into events and effects into speech.

An extra: everything else imports, runs and passes without it, and no verification is ever decided by a model here.
"""
