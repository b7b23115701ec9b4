"""Putting together what contacts from Microsoft 365 take: the client, whoever reads, and what pages are handed."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from bot.contact_acts import ContactActs
from bot.settings import Settings
from bot.sources.acts import SourceActs
from bot.sources.carrying import Carrying
from bot.sources.sync import ContactSync
from dialogs.people_source import PeopleSource
from dialogs.ports import Clock, Randomness
from identity.microsoft.graph import MicrosoftDirectory
from identity.microsoft.tokens import Tokens, scope_for
from storage.database import Database
from storage.keys import Keyring
from storage.sources.changes import SourceChanges
from storage.sources.contact_sources import ContactSources


@dataclass(frozen=True, slots=True)
class SourcesDesk:
    """`sources`, `changes` and `acts`: for pages; `sync`: to be run beside them."""

    sources: ContactSources
    changes: SourceChanges
    acts: SourceActs
    sync: ContactSync


def microsoft_people(session: aiohttp.ClientSession, settings: Settings, clock: Clock) -> MicrosoftDirectory:
    """Microsoft, or what stands in for it. `session`: one that keeps no cookies, as each organisation is asked anew."""
    scope = scope_for(settings.graph_url)
    tokens = Tokens(session, clock, base_url=settings.entra_url, scope=scope)
    return MicrosoftDirectory(session, tokens, base_url=settings.graph_url)


def open_sources(
    settings: Settings,
    database: Database,
    keyring: Keyring,
    people: PeopleSource,
    acts: ContactActs,
    clock: Clock,
    random: Randomness,
    *,
    worker: str,
) -> SourcesDesk:
    """`people`: who is asked; `acts`: by which an address is changed."""
    sources = ContactSources(database, keyring)
    carrying = Carrying(database, keyring, acts, clock, random)
    sync = ContactSync(database, keyring, people, carrying, clock, random, worker=worker, is_alone=settings.is_sqlite)
    connecting = SourceActs(
        sources,
        people,
        random,
        sync.wake,
        public_url=settings.public_url,
        entra_url=settings.entra_url,
        scope=scope_for(settings.graph_url),
    )
    return SourcesDesk(sources, SourceChanges(database, keyring), connecting, sync)
