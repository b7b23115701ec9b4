"""What the operator types. Each file is one group of commands; `bot.cli` puts them together.

A command reads, calls a repository and says what happened. Rules are where they are for everybody else.
"""
