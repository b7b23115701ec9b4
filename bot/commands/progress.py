"""How far a long command has come: a line that counts up on a terminal, a line for each tenth in a log."""

from __future__ import annotations

import sys

#: A log need not hear about what is over in a second.
WORTH_A_LINE = 10_000


class Shown:
    """Called with what is done and what there is in all; `done` ends the line. Written to the standard error."""

    def __init__(self, what: str, unit: str = "rows") -> None:
        self._what = what
        self._unit = unit
        self._last = -1
        self._live = sys.stderr.isatty()

    def __call__(self, done: int, of: int) -> None:
        percent = 100 if of <= 0 else min(100, done * 100 // of)
        step = percent if self._live else percent // 10
        if step == self._last or not (self._live or of >= WORTH_A_LINE):
            return
        self._last = step
        line = f"{self._what}: {percent} % ({done} of {of} {self._unit})"
        sys.stderr.write(f"\r{line}" if self._live else f"{line}\n")
        sys.stderr.flush()

    def done(self) -> None:
        if self._live and self._last >= 0:
            sys.stderr.write("\n")
