"""Turns in memory: deterministic, with hooks that play crashes."""

from storage.memory.store import MemoryTurnStore

__all__ = ["MemoryTurnStore"]
