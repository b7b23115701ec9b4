"""`watchword serve` with a clock that jumps: `python -m tests.faults.serving PORT FILE`.

On SIGUSR1 the clock is off by the seconds that stand in the file. Everything else is as `serve` has it.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from bot.app import serve
from bot.clock import SystemClock
from bot.logs import configure
from bot.settings import read_settings


def main(port: int, file: Path) -> None:
    clock = SystemClock()

    def jump(*_: object) -> None:
        clock.offset = timedelta(seconds=float(file.read_text()))

    signal.signal(signal.SIGUSR1, jump)
    configure(readable=False)
    serve(read_settings(os.environ, port=port), clock=clock)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
