"""Connecting organisations: proven by a token for them and by what their directory says of itself, never by what a
browser comes back with. Implements `web.ports.SourceActs`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dialogs.people_source import PeopleSource, SourceLater, SourceRefused
from dialogs.ports import Randomness
from dialogs.turns import AuditEvent
from identity.microsoft.consent import consent_address, redirect_address
from storage.keys import CannotOpen
from storage.sources.contact_sources import ContactSource, ContactSources, NameTaken, TooMany, remedy_of
from web.ports import Connected

_REMEDIES = {
    "not_found": "This source is not there any more.",
    "too_many": "This source has as many organisations as it may have. Add another source.",
    "connected_elsewhere": "This organisation is connected by another source already. Disconnect it there first.",
}


class SourceActs:
    """`public_url`: where browsers come back to; `entra_url`: where they are sent, to agree to `scope`. `wake`: whoever
    reads."""

    def __init__(
        self,
        sources: ContactSources,
        source: PeopleSource,
        random: Randomness,
        wake: Callable[[], None],
        *,
        public_url: str,
        entra_url: str,
        scope: str,
    ) -> None:
        self._sources = sources
        self._source = source
        self._random = random
        self._wake = wake
        self._public_url = public_url
        self._entra_url = entra_url
        self._scope = scope

    def redirect_uri(self, source_id: str) -> str:
        """To be entered in the app registration letter by letter."""
        return redirect_address(self._public_url, source_id)

    def consent_url(self, source: ContactSource, word: str) -> str:
        """Raises `SourceRefused` where the application id is none."""
        back = self.redirect_uri(source.id)
        return consent_address(source.application_id, back, word, base_url=self._entra_url, scope=self._scope)

    def wake(self) -> None:
        """There is something to read, or a change to carry out."""
        self._wake()

    async def connect(self, tenant_id: str, source_id: str, organisation: str, event: AuditEvent) -> Connected:
        """Raises nothing for what people do or Microsoft says: what is not granted is in `refused`."""
        try:
            access = await self._sources.access(tenant_id, source_id, organisation)
        except CannotOpen:
            return Connected(refused="cannot_open", remedy=remedy_of("cannot_open"))
        if access is None:
            return _refused("not_found")
        try:
            proven = await self._source.organisation(access)
        except SourceRefused as why:
            return Connected(refused=why.code, remedy=why.remedy, detail=why.detail)
        except SourceLater as why:
            return Connected(refused="later", remedy=remedy_of(why.code), detail=why.code)
        id = self._random.new_id(event.at)
        noted = replace(event, public={**event.public, "source": source_id, "directory": proven.id})
        noting = self._sources.noting(tenant_id, noted)
        try:
            kept, again = await noting.connect(tenant_id, source_id, id, proven, event.technician_id, event.at)
        except LookupError:
            return _refused("not_found")
        except TooMany:
            return _refused("too_many")
        except NameTaken:
            return _refused("connected_elsewhere")
        self._wake()
        return Connected(organisation_id=kept, again=again)


def _refused(word: str) -> Connected:
    return Connected(refused=word, remedy=_REMEDIES[word])
