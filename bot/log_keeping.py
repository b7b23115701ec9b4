"""Keeping the audit log: a place for each line, the tree over them, signed heads, and copies outside the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from bot.background import Background
from bot.checkpoint_webhook import CheckpointWebhook
from bot.log_alarm import LogAlarm
from bot.settings import Settings
from dialogs.ports import Clock, Randomness
from storage.database import Database
from storage.keys import Keyring
from storage.sealed.checkpoint_file import CheckpointFile
from storage.sealed.integrity import Integrity
from storage.sealed.sealer import Sealer


@dataclass(frozen=True, slots=True)
class LogKeeping:
    """`wake`: something was committed. `placed`: have a callback called when lines have got their place elsewhere than
    in the commit that wrote them. `integrity`: for the pages."""

    sealer: Sealer
    integrity: Integrity
    wake: Callable[[], None]
    placed: Callable[[Callable[[], None]], None]


def checkpoint_file(settings: Settings) -> CheckpointFile | None:
    """The file outside, None where there is none."""
    return CheckpointFile(settings.checkpoints_file) if settings.checkpoints_file is not None else None


def keep_log(
    settings: Settings,
    database: Database,
    keyring: Keyring,
    clock: Clock,
    random: Randomness,
    *,
    session: aiohttp.ClientSession,
    background: Background,
) -> LogKeeping:
    """Everything it takes, added to `background`."""
    publish: Callable[[str], None] = lambda note: None  # noqa: E731  what is offered where nobody wants it
    if settings.checkpoint_webhook:
        webhook = CheckpointWebhook(session, settings.checkpoint_webhook)
        publish = webhook.offer
        background.add("checkpoint webhook", webhook.run)
    alarm = LogAlarm(database, keyring, clock, random)
    background.add("log alarm", alarm.run)
    sealer = Sealer(
        database, keyring, clock, random, file=checkpoint_file(settings), publish=publish, alarm=alarm.raise_it
    )
    background.add("sealer", sealer.run)
    file = checkpoint_file(settings)
    integrity = Integrity(database, keyring, clock, random, sealer, file=file, alarm=alarm.raise_it)
    background.add("log check", integrity.run)
    if settings.is_sqlite:
        # The one writer gives each line its place as it writes it.
        return LogKeeping(sealer, integrity, sealer.wake, lambda callback: None)
    from storage.sealed.sequencer import Sequencer

    sequencer = Sequencer(settings.database_url)
    sequencer.on_placed(sealer.wake)
    background.add("sequencer", sequencer.run)
    return LogKeeping(sealer, integrity, sequencer.wake, sequencer.on_placed)
