"""A disk that can be full: a file system of a few megabytes in memory where we may mount one (as root), so that the
system itself says "no space left on device". Where we may not, processes are forbidden to let any file grow
(RLIMIT_FSIZE): what they write to a file's end fails with "file too large" instead, which is what is simulated then.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_BALLAST = "ballast"
#: Where there is only a limit: no file may be longer. Logs of a few seconds are shorter, databases are not.
_LONGEST = 64 * 1024


@dataclass
class SmallDisk:
    """`is_real`: it really is a disk; else a limit for processes."""

    folder: Path
    is_real: bool

    def fill(self, pids: Iterable[int]) -> None:
        """From now on there is no room; `pids` are those who write."""
        if not self.is_real:
            for pid in pids:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (_LONGEST, resource.RLIM_INFINITY))
            return
        with (self.folder / _BALLAST).open("wb", buffering=0) as ballast:
            for block in (1 << 20, 1 << 12):
                try:
                    while ballast.write(bytes(block)) == block:
                        pass
                except OSError:
                    continue

    def empty(self, pids: Iterable[int]) -> None:
        """There is room again."""
        if self.is_real:
            (self.folder / _BALLAST).unlink()
            return
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """At this folder, which is there and empty."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "watchword-small", str(folder)]
    is_real = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield SmallDisk(folder, is_real)
    finally:
        if is_real:
            subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)
