"""A backup every night, for the service `backup` of compose.yaml. Standard library only; it runs `watchword backup`.

    python nightly.py FOLDER [--at 02:30] [--keep 14]   take one each night, and at once when the last is 20 hours old
    python nightly.py FOLDER --is-well                  exit code 1 when the newest is older than 26 hours

Times are those of the variable TZ. A backup that did not work is tried again every ten minutes until it does.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

#: A night and what the backup itself may take.
TOO_OLD = timedelta(hours=26)
#: After a start a backup is taken at once, unless one is as young as this.
YOUNG = timedelta(hours=20)
TRY_AGAIN = timedelta(minutes=10)


def newest(folder: Path) -> datetime | None:
    """When the last whole backup was made; unfinished ones have other names."""
    made = [file.stat().st_mtime for file in folder.glob("watchword-*.backup")]
    return datetime.fromtimestamp(max(made), UTC) if made else None


def next_night(now: datetime, at: time) -> datetime:
    """The next time the clock shows `at`. `now` in the local zone; where a night has no such time, an hour after."""
    day = now.date() if now.time() < at else now.date() + timedelta(days=1)
    return datetime.combine(day, at).astimezone()


def first_run(now: datetime, at: time, last: datetime | None) -> datetime:
    """When to take the first backup after a start: at once when the last is old or missing, else in the night."""
    if last is None or now - last > YOUNG:
        return now
    return next_night(now, at)


def run(folder: Path, at: time, keep: int, command: str) -> None:
    """Until told to stop. A backup under way is finished: it takes seconds, and a half one would be thrown away."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    due = first_run(_now(), at, newest(folder))
    while True:
        # In pieces: the clock may be set, and a long wait would not notice.
        while (left := (due - _now()).total_seconds()) > 0:
            if stop.wait(min(left, 60)):
                return
        done = subprocess.run([command, "backup", "--output", str(folder), "--keep", str(keep)])
        due = next_night(_now(), at) if done.returncode == 0 else _now() + TRY_AGAIN
        if stop.is_set():
            return
        sys.stderr.write(f"nightly: exit code {done.returncode}; next {due:%Y-%m-%d %H:%M %Z}\n")


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


def clock(text: str) -> time:
    """`02:30` as a time of the day."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time of the day; write it as 02:30 (BACKUP_AT)") from None


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 1 for backups that are too old, 2 for a mistake."""
    asked = argparse.ArgumentParser(description="A backup every night.")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--at", type=clock, default=time(2, 30), metavar="HH:MM")
    asked.add_argument("--keep", type=int, default=14)
    asked.add_argument("--is-well", action="store_true")
    # For the tests; in the image it is on the path.
    asked.add_argument("--command", default="watchword", help=argparse.SUPPRESS)
    given = asked.parse_args(arguments)
    if not given.folder.is_dir():
        asked.error(f"{given.folder} is no folder")
    if given.is_well:
        last = newest(given.folder)
        return 0 if last is not None and _now() - last < TOO_OLD else 1
    run(given.folder, given.at, given.keep, given.command)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
