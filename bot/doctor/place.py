"""What can be seen on this machine without opening anything: addresses, files, rights, disks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from time import time
from urllib.parse import urlsplit

from bot.doctor.findings import Finding
from bot.settings import LOOPBACK, BadSetting, Settings, check_for_serving
from storage.counting import counted
from storage.sealed.checkpoint_file import BadFile, CheckpointFile

LITTLE_SPACE = 512 * 2**20


def look_at_address(settings: Settings) -> Iterator[Finding]:
    """Where the world reaches us."""
    try:
        check_for_serving(settings)
    except BadSetting as bad:
        yield Finding("public address", "fail", str(bad))
        return
    if urlsplit(settings.public_url).hostname in LOOPBACK:
        text = f"{settings.public_url} is this machine only: no phone can reach it. Set WATCHWORD_PUBLIC_URL."
        yield Finding("public address", "warn", text)
    else:
        yield Finding("public address", "ok", settings.public_url)


def look_at_files(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Who may read what, and how much room there is."""
    private = {"database": settings.database_path} if settings.is_sqlite else {}
    key_file = environment.get("WATCHWORD_MASTER_KEY_FILE", "")
    if key_file:
        private["key file"] = Path(key_file)
    for name, path in private.items():
        if os.name == "posix" and path.exists() and path.stat().st_mode & 0o077:
            yield Finding(f"{name} rights", "warn", f"others may read {path}. Do: chmod 600 {path}")
    if not settings.is_sqlite:
        return
    folder = settings.database_path.resolve().parent
    if key_file and Path(key_file).resolve().parent == folder:
        text = "the master key lies beside the database, so a copy of the folder holds both. Move it elsewhere."
        yield Finding("key file place", "warn", text)
    if folder.is_dir():
        free = shutil.disk_usage(folder).free
        little = free < LITTLE_SPACE
        more = "; make room, texts stop when it is full" if little else ""
        yield Finding("disk", "warn" if little else "ok", f"{free // 2**20} MiB free{more}")


def look_at_checkpoints(settings: Settings) -> Iterator[Finding]:
    """The file that proves later what the log held: it must be elsewhere, and we must be able to write it."""
    path = settings.checkpoints_file
    if path is None:
        text = "there is no file for them. Set WATCHWORD_CHECKPOINTS_FILE to a file on another disk, or an archive."
        yield Finding("checkpoints", "warn", text)
        return
    folder = path.resolve().parent
    if not folder.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        yield Finding("checkpoints", "fail", f"{path} cannot be written. Make the folder, or correct its rights.")
        return
    try:
        CheckpointFile(path).last()
    except (BadFile, OSError) as why:
        yield Finding("checkpoints", "fail", f"{path} cannot be used: {why}")
        return
    age = f"written {_ago(time() - path.stat().st_mtime)}" if path.exists() else "not yet written"
    if settings.is_sqlite and folder.stat().st_dev == settings.database_path.resolve().parent.stat().st_dev:
        text = f"{path}, {age}: on the disk of the database, where whoever changes one can change both. Set another."
        yield Finding("checkpoints", "ok" if settings.checkpoint_webhook else "warn", text)
    else:
        yield Finding("checkpoints", "ok", f"{path}, {age}")


def _ago(seconds: float) -> str:
    age = timedelta(seconds=max(0, int(seconds)))
    if not age.days and age.seconds < 60:
        return "just now"
    return f"{counted(age.days, 'day') if age.days else counted(age.seconds // 60, 'minute')} ago"
