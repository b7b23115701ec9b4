"""What end users do about a verification on what they have: the page behind a link, and the phone call.

What a page shows never depends on more than the link's token; what a call says never holds the code, which leaves by a
request of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeAlias

from bot.digests import verification_digest
from bot.drafts import Draft
from bot.engine import Engine
from bot.inbound import LATE_DENY
from bot.verification_turns import policy_and_locale
from bot.wording import Wording
from dialogs import user_verify as uv
from dialogs.grammar import tidy
from dialogs.turns import StoredVerification, Try, VerificationAsk, VerificationFacts
from dialogs.user_locks import would_lock
from storage.phones import readable
from storage.verifications import Verifications
from web.ports import CallWords, LinkShown

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
#: What is typed where a code or a number is asked for: dashes people paste, next to blanks, do not count.
_DASHES = frozenset("-.\u2010\u2011\u2012\u2013\u2014")

_Make: TypeAlias = Callable[[VerificationFacts, StoredVerification, datetime], uv.Event]


class Answers:
    """The part of `web.ports.VerificationActs` that needs no technician."""

    def __init__(self, engine: Engine, verifications: Verifications, wording: Wording) -> None:
        self._engine = engine
        self._verifications = verifications
        self._wording = wording

    # --- links ------------------------------------------------------------------------------------------------------

    async def look_at_link(self, token: str) -> LinkShown | None:
        return await self._by_link(token, None)

    async def confirm_link(self, token: str, *, number: str = "", left: int | None = None) -> LinkShown | None:
        return await self._by_link(
            token,
            lambda facts, one, now: uv.LinkConfirmed(_typed(facts, one, number), last=_is_last(facts, one, now)),
            left,
        )

    async def disown_link(self, token: str) -> LinkShown | None:
        """Also where the link is over by now: whoever has asked anew since is stopped as well (SEC-08)."""
        return await self._by_link(token, lambda facts, one, now: uv.Disowned("page"))

    async def _by_link(self, token: str, make: _Make | None, left: int | None = None) -> LinkShown | None:
        """Do what `make` says, if anything, and show what there is then. `left`: the tries that were left where it was
        pressed; with fewer left by now nothing is done."""
        if not _TOKEN.fullmatch(token):
            return None
        target = await self._verifications.by_link(link_digest_of(token))
        if target is None:
            return None

        def decide(facts: VerificationFacts, draft: Draft) -> LinkShown | None:
            found = facts.verification
            if found is None:
                return None
            policy, locale = policy_and_locale(facts)
            state = found.state
            now_left = uv.tries_left(state, uv.Env(draft.now, policy)) if isinstance(state, uv.Live) else 0
            pressed_before = left is not None and 0 < now_left < left
            event = make(facts, found, draft.now) if make is not None and not pressed_before else None
            if isinstance(event, uv.Disowned) and _is_long_over(state, draft.now):
                # Old links lie in mailboxes for years, and must not be a way to lock somebody out.
                event = None
            if event is not None:
                state = draft.step_verification(found, event, policy, locale).state
            if isinstance(event, uv.Disowned):
                for live in facts.live:
                    if live.id != found.id:
                        # It is the same call, and nobody can tell which message the person has before them.
                        draft.step_verification(live, event, policy, locale)
            return _link_shown(facts, found.id, state, policy, draft.now)

        return await self._engine.of_verification(
            VerificationAsk(target.tenant_id, verification_id=target.verification_id), decide
        )

    # --- calls ------------------------------------------------------------------------------------------------------

    async def call_answered(
        self, tenant_id: str, verification_id: str, *, call_id: str, by: Literal["person", "machine", "unknown"]
    ) -> CallWords:
        """A machine never hears the code, nor whom it is about."""
        words = await self._on_call(tenant_id, verification_id, uv.CallAnswered(by, call_id))
        return words or CallWords("", "hang_up")

    async def call_keyed(self, tenant_id: str, verification_id: str, *, call_id: str, digit: str) -> CallWords:
        words = await self._on_call(tenant_id, verification_id, uv.CallKeyed(digit, call_id))
        return words or CallWords("", "hang_up")

    async def call_ended(self, tenant_id: str, verification_id: str, *, call_id: str, how: str) -> None:
        event = uv.CallEnded(how, call_id)
        await self._engine.on_verification(VerificationAsk(tenant_id, verification_id=verification_id), event)

    async def _on_call(
        self, tenant_id: str, verification_id: str, event: uv.CallAnswered | uv.CallKeyed
    ) -> CallWords | None:
        def decide(facts: VerificationFacts, draft: Draft) -> CallWords | None:
            found = facts.verification
            if found is None:
                return None
            policy, locale = policy_and_locale(facts)
            after = draft.step_verification(found, event, policy, locale).state
            name, then = _words(found.state, after, event)
            tech = after.request.technician.first_name if not isinstance(after, uv.Blank) else ""
            said, _ = self._wording.text(facts.tenant, "euv.voice_" + name, {"tech": tech}, locale) if name else ("", 0)
            return CallWords(said, then)

        return await self._engine.of_verification(VerificationAsk(tenant_id, verification_id=verification_id), decide)


def digits_of(typed: str) -> str:
    """What was typed without spaces, dashes and the invisible marks that come along when a number is copied, wide
    digits made plain; empty when there is anything else in it."""
    plain = "".join(c for c in tidy(typed) if not c.isspace() and c not in _DASHES)
    return plain if plain.isascii() and plain.isdecimal() else ""


def link_digest_of(token: str) -> str:
    """What storage knows a link by."""
    return hashlib.sha256(token.encode()).hexdigest()


def _typed(facts: VerificationFacts, one: StoredVerification, number: str) -> str | None:
    """The digest of the number, None for none. What is no number is a wrong one: somebody typed it."""
    if not number.strip():
        return None
    return verification_digest(facts.tenant, one.id, digits_of(number) or "none")


def _is_last(facts: VerificationFacts, one: StoredVerification, now: datetime) -> bool:
    """Whether one more wrong number locks this method for the contact. Else three more for each new link could be
    tried beyond what the lock allows."""
    if isinstance(one.state, uv.Blank):
        return False
    wrong = Try("", one.id, one.contact_id, one.state.request.method, "", now, "wrong")
    return would_lock(facts.tries, wrong, now)


def _is_long_over(state: uv.State, now: datetime) -> bool:
    """Whether it ended so long ago that nobody is on the phone about it any more, as with `#deny`."""
    return isinstance(state, uv.Ended) and now - state.at >= LATE_DENY


def _link_shown(
    facts: VerificationFacts, id: str, state: uv.State, policy: uv.Policy, now: datetime
) -> LinkShown | None:
    if isinstance(state, uv.Blank):
        return None
    settings, request = facts.tenant.settings, state.request
    live = state.challenge if isinstance(state, uv.Live) else None
    over_at = (live.expires_at if now >= live.expires_at else None) if live is not None else _ended_at(state)
    left = uv.tries_left(state, uv.Env(now, policy)) if isinstance(state, uv.Live) else 0
    return LinkShown(
        tenant_id=facts.tenant.id,
        verification_id=id,
        state=_link_state(state, is_over=over_at is not None),
        msp=facts.tenant.name,
        phone=readable(settings.phone),
        technician=request.technician.first_name,
        about=request.ticket.number if request.ticket is not None else "",
        until=live.expires_at if live is not None else over_at or now,
        at=over_at,
        types_number=live is not None and live.spoken is not None,
        tries_left=left,
        locale=(facts.contact.locale if facts.contact is not None else "") or settings.locale,
        timezone=settings.timezone,
        wording=live.wording if live is not None else "usual",
        was_verified=isinstance(state, uv.Verified),
    )


def _ended_at(state: uv.State) -> datetime | None:
    """A denial afterwards is what ends it for whoever looks at it then."""
    if not isinstance(state, uv.Ended):
        return None
    return next((line.at for line in state.trail if line.what == uv.DENIED_LATE), state.at)


def _denied_late(state: uv.Ended) -> bool:
    return any(line.what == uv.DENIED_LATE for line in state.trail)


def _link_state(state: uv.State, *, is_over: bool) -> Literal["live", "verified", "denied", "over", "failed"]:
    match state:
        case uv.Verified() | uv.Failed() | uv.Expired() | uv.Undelivered() if _denied_late(state):
            return "denied"
        case uv.Verified():
            return "verified"
        case uv.Denied():
            return "denied"
        case uv.Failed():
            return "failed"
        case uv.Sent() if not is_over:
            return "live"
        case _:
            return "over"


def _words(
    before: uv.State, after: uv.State, event: uv.CallAnswered | uv.CallKeyed
) -> tuple[str, Literal["wait", "press", "hang_up"]]:
    """Which of our words the call gets now, and what follows. The code itself is on its way by another request."""
    if isinstance(event, uv.CallAnswered) and event.by == "machine":
        return "machine", "hang_up"
    if not isinstance(before, uv.Live) or not isinstance(after, uv.Live):
        return "over", "hang_up"
    if after.challenge.says > before.challenge.says:
        return "greeting" if isinstance(event, uv.CallAnswered) else "", "wait"
    if after.challenge.says > 0 and not uv.is_of_call(after, event.call_id):
        # The code was told on another call, and is not told on two.
        return "goodbye", "hang_up"
    if isinstance(event, uv.CallAnswered) and after.challenge.call_answered == "person" and not after.call_over:
        # Asked again because our first answer was lost on its way; the code comes all the same.
        return "greeting", "wait"
    if isinstance(event, uv.CallAnswered) and event.by == "unknown" and not after.call_over:
        return "press", "press"
    if isinstance(event, uv.CallKeyed) and not after.call_over and after.challenge.says < uv.MAX_SAYS:
        # Another key: the person is still there and may press 1.
        return "press", "press"
    return "goodbye", "hang_up"
