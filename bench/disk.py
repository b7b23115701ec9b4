"""What the disk asks for a durable commit; no code of ours can be quicker than that."""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

#: About what a batch of 32 texts writes.
_BATCH = b"x" * 256 * 1024


def sync_ms(folder: Path, times: int = 30) -> float:
    """Milliseconds to append one batch to a file and have it on the disk, median."""
    waits = []
    file = os.open(folder / "appended", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        for _ in range(times):
            began = time.perf_counter()
            os.write(file, _BATCH)
            os.fsync(file)
            waits.append(time.perf_counter() - began)
    finally:
        os.close(file)
    return median(waits) * 1000
