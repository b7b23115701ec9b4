"""Reference pages that are written from the code, so that they cannot say anything else than the code does.

`python -m bot.generate` writes them, `--check` names those that are stale.
"""
