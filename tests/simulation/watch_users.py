"""The part of the watch that looks at verifications of end users, by name of what must never happen.

It keeps its own small picture of them, made from commits and from what people are seen doing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from dialogs import user_verify as uv
from dialogs.ports import Clock
from dialogs.tech_verify import Alarm, Blank, Denied, Known, State
from dialogs.turns import Decision, Facts, OutboxItem, SaveVerification, Turn, VerificationFacts
from storage.memory import MemoryTurnStore
from storage.memory.rows import Queued
from tests.fixtures.world import World
from tests.simulation import verdicts_users
from tests.simulation.outside import Row
from tests.simulation.verdicts import Seen
from tests.simulation.verdicts_users import SeenUser
from tests.simulation.within import holds_secret, stands_in, verifications_in
from web.ports import CodeChecked

_TOKEN = re.compile(r"/v/([A-Za-z0-9_-]{43})")


class UserWatch:
    """Call it as the watch is called; `broke` is told what broke. `checks`: the watch's picture of those of callers."""

    def __init__(
        self,
        worlds: Mapping[str, World],
        store: MemoryTurnStore,
        clock: Clock,
        checks: Mapping[str, Seen],
        items: Mapping[str, tuple[str, OutboxItem]],
        broke: Callable[[str, str], None],
    ) -> None:
        self._worlds = worlds
        self._store = store
        self._clock = clock
        self._checks = checks
        self._items = items
        self._broke = broke
        self.seen: dict[str, SeenUser] = {}
        #: What each effect left with.
        self._bodies: dict[str, tuple[str, ...]] = {}
        #: Which of whose checks have been denied, so that each is heard once.
        self._denied: set[tuple[str, str]] = set()

    def live(self) -> list[tuple[str, SeenUser]]:
        return [(i, s) for i, s in self.seen.items() if isinstance(s.state, uv.Live)]

    def secrets_of_live(self) -> set[str]:
        """Codes that may be about; another one may be the same by chance."""
        return {s.code for _, s in self.live() if s.code}

    # --- what is told -----------------------------------------------------------------------------------------------

    def turn(self, turn: Turn[Any], facts: Facts, decision: Decision[Any]) -> None:
        """A turn became durable."""
        self._scope(facts, decision)
        for save in decision.verifications:
            self._save(turn, facts, decision, save)
        self._all(verdicts_users.not_counted(turn, decision, self.seen))
        reply = decision.reply
        if isinstance(reply, CodeChecked) and reply.right and reply.id in self.seen:
            self._tell_right(self.seen[reply.id])
        self._end_shields(facts, decision)
        for item in decision.outbox:
            if not item.template.startswith("euv.send"):
                self._nothing_secret(f"{item.kind} {item.template}", item.payload.values())
        for event in decision.audit:
            self._nothing_secret(f"audit {event.kind}", [*map(str, event.public.values()), *event.sealed.values()])
        for alert in decision.alerts:
            self._nothing_secret(f"alert {alert.kind}", [alert.text])

    def sent(self, row: Row) -> None:
        """A mail, a call, or words on a call were taken in outside."""
        values = row.values
        if row.kind == "say":
            said = {i.payload.get("body") for _, i in self._items.values() if i.check_id == values["verification_id"]}
            if values["body"] not in said:
                self._broke("I11", "verification: a call says what nobody decided")
            return
        tenant_id, item = self._items.get(values["key"], ("", None))
        names = ("to", "subject", "body", "code") if row.kind == "mail" else ("to", "from", "verification_id")
        body = tuple(values[name] for name in names)
        if self._bodies.setdefault(values["key"], body) != body:
            self._broke("I11", f"verification: effect {values['key']} left with two bodies")
        if item is None or (row.kind == "mail" and tenant_id != row.of):
            return self._broke("I7", f"verification: a {row.kind} left for another tenant")
        if any(world.name in values.get("body", "") for t, world in self._worlds.items() if t != tenant_id):
            self._broke("I7", f"verification: a {row.kind} of {tenant_id} names another tenant")

    def address_changed(self, tenant_id: str, contact_id: str) -> None:
        """Whatever was shown of them before proves nothing now (SEC-13)."""
        for seen in self.seen.values():
            if (seen.tenant_id, seen.contact_id) == (tenant_id, contact_id) and isinstance(seen.state, uv.Verified):
                seen.shield_over = True

    def machine_heard(self, verification_id: str) -> None:
        self._broke("voice", f"a machine heard the code of {verification_id}")

    def two_ring(self, verification_id: str) -> None:
        seen = self.seen.get(verification_id)
        if seen is not None and isinstance(seen.state, uv.Live):
            self._broke("voice", f"a second call about {verification_id} while the first was on")

    def heard_on_call(self, words: str) -> None:
        """Answers of our webhook have no code in them."""
        self._nothing_secret("an answer to the telephone", [words])

    def after_step(self) -> None:
        """What the store holds now."""
        rows, now = self._store.rows, self._clock.now()
        live: Counter[tuple[str, str]] = Counter()
        for (tenant_id, id), stored in rows.verifications.items():
            if isinstance(stored.state, uv.Live):
                live[tenant_id, stored.contact_id] += 1
            seen = self.seen.get(id)
            if seen is None or seen.tenant_id != tenant_id or not _is(seen.state, stored.state):
                self._broke("I4", f"verification {id} changed without a turn")
                continue
            green = seen.shield_over and isinstance(stored.state, uv.Verified) and stored.state.green_until > now
            if green and id in rows.green(tenant_id, stored.contact_id, now):
                self._broke("SEC-15", f"still green: verification {id}")
        for who, n in live.items():
            if n > 1:
                self._broke("I12", f"verification: {n} live ones of {who}")

    def row(self, row: Queued) -> None:
        """A row has changed, or what it belongs to has. What has ended keeps no code, but for what is being sent."""
        seen = self.seen.get(row.item.check_id)
        if seen is None or isinstance(seen.state, uv.Live) or row.lease_until is not None:
            return
        for secret in (seen.code, seen.token):
            if any(stands_in(secret, value) for value in row.item.payload.values()):
                self._broke("I8", f"verification: a row keeps the secret of {row.item.check_id}: {row.item.template}")

    # --- I1, I2, I4, I6, I8, I10, SEC-06, SEC-08 ----------------------------------------------------------------------

    def _save(self, turn: Turn[Any], facts: Facts, decision: Decision[Any], save: SaveVerification) -> None:
        seen = self.seen.setdefault(save.id, SeenUser(facts.tenant.id, save.contact_id, save.their_address))
        before, after = seen.state, save.state
        self._logged(save, before, decision)
        if (seen.contact_id, seen.their_address) != (save.contact_id, save.their_address):
            self._broke("I7", f"verification {save.id} has moved to another person")
        if isinstance(before, uv.Blank) and isinstance(after, uv.Sent):
            self._begin(facts, decision, save, seen, after)
        elif isinstance(before, uv.Sent) and isinstance(after, uv.Sent):
            self._all(verdicts_users.same_challenge(save.id, before, after))
            self._all(verdicts_users.still_guessing(facts, save.id, seen))
            if after.challenge.sends > before.challenge.sends:
                self._may_send(facts, save.id, seen, after)
        elif isinstance(before, uv.Sent) and isinstance(after, uv.Verified):
            self._all(verdicts_users.verified(facts, save, seen, before, after, self._clock.now()))
        elif isinstance(before, uv.Blank):
            self._broke("I4", f"verification {save.id} began as {type(after).__name__}")
        if isinstance(before, uv.Ended):
            self._all(verdicts_users.absorbed(save.id, before, after))
        if isinstance(after, uv.Verified) and not isinstance(before, uv.Verified):
            seen.accepted += 1
            if seen.accepted > 1:
                self._broke("I1", f"verification {save.id} was accepted {seen.accepted} times")
        seen.state = after
        if not isinstance(after, uv.Live):
            if holds_secret(after, seen.code) or holds_secret(after, seen.token):
                self._broke("I8", f"verification: the ended {save.id} keeps its secret")
            for row in self._store.rows.outbox.values():
                if row.item.check_id == save.id:
                    self.row(row)

    def _begin(
        self, facts: Facts, decision: Decision[Any], save: SaveVerification, seen: SeenUser, after: uv.Sent
    ) -> None:
        challenge = after.challenge
        seen.code = challenge.code.digits if challenge.code is not None else ""
        seen.spoken = challenge.spoken.digits if challenge.spoken is not None else ""
        bodies = [v for i in decision.outbox if i.check_id == save.id for v in i.payload.values()]
        tokens = {token for body in bodies for token in _TOKEN.findall(body)}
        seen.token = tokens.pop() if len(tokens) == 1 else ""
        seen.expires_at = challenge.expires_at
        if bool(seen.code) == bool(seen.token) or (seen.token and holds_secret(_without_spoken(after), seen.token)):
            self._broke("I8", f"verification {save.id} has no secret, or keeps its link")
        self._all(verdicts_users.bound(facts, save.id, seen, after))
        self._may_send(facts, save.id, seen, after)
        self._all(verdicts_users.override(after))
        denied = [
            s.denied_at for s in self.seen.values() if (s.tenant_id, s.contact_id) == (seen.tenant_id, seen.contact_id)
        ]
        self._all(verdicts_users.denied_lately(save.id, denied, self._clock.now()))

    def _may_send(self, facts: Facts, id: str, seen: SeenUser, after: uv.Sent) -> None:
        values = {a.value for a in self._store.rows.addresses.get((seen.tenant_id, seen.contact_id), ())}
        checks = [
            c
            for c in self._checks.values()
            if c.tenant_id == seen.tenant_id and (c.contact_id == seen.contact_id or c.sender[1] in values)
        ]
        self._all(verdicts_users.interlocked(id, after.request, checks, self._clock.now()))

    def _tell_right(self, seen: SeenUser) -> None:
        seen.told_right += 1
        if seen.told_right > 1:
            self._broke("I1", f"verification: the code of {seen.contact_id} was called right {seen.told_right} times")

    def _logged(self, save: SaveVerification, before: uv.State, decision: Decision[Any]) -> None:
        words = {"before": uv.WORDS[type(before)], "after": uv.WORDS[type(save.state)]}
        if not any(e.check_id == save.id and words.items() <= dict(e.public).items() for e in decision.audit):
            self._broke("I6", f"verification {save.id} went {words} without a line in the log")

    def _nothing_secret(self, where: str, texts: Iterable[str]) -> None:
        text = "\n".join(texts)
        allowed = {c.code for c in self._checks.values()}
        for id, seen in self.seen.items():
            if seen.code not in allowed and (stands_in(seen.code, text) or stands_in(seen.token, text)):
                self._broke("I8", f"verification: the secret of {id} stands in {where}")

    # --- SEC-15 -----------------------------------------------------------------------------------------------------

    def _end_shields(self, facts: Facts, decision: Decision[Any]) -> None:
        """Whoever says #deny, or was asked too often for a code by a caller, proves nothing by what was before."""
        tenant_id, now = facts.tenant.id, self._clock.now()
        over: set[str] = set()
        for check in decision.checks:
            if _says_no(check.state) and (check.id, "check") not in self._denied:
                self._denied.add((check.id, "check"))
                over |= {check.contact_id, *_askers(check.state)}
        for save in decision.verifications:
            seen = self.seen[save.id]
            late = any(line.what == "euv_denied_late" for line in _trail(save.state))
            if (isinstance(save.state, uv.Denied) or late) and seen.denied_at is None:
                seen.denied_at = now if isinstance(save.state, uv.Denied) else None
                if (save.id, "user") not in self._denied:
                    self._denied.add((save.id, "user"))
                    over.add(save.contact_id)
            if isinstance(save.state, uv.Expired) and save.state.reason == "number_changed":
                over.add(save.contact_id)
        for seen in self.seen.values():
            if seen.tenant_id == tenant_id and seen.contact_id in over and isinstance(seen.state, uv.Verified):
                seen.shield_over = True

    # --- I7 ---------------------------------------------------------------------------------------------------------

    def _scope(self, facts: Facts, decision: Decision[Any]) -> None:
        tenant_id = facts.tenant.id
        for one in verifications_in(facts):
            seen = self.seen.get(one.id)
            if seen is None or (seen.tenant_id, seen.contact_id) != (tenant_id, one.contact_id):
                self._broke("I7", "verification of another tenant or of another person")
        if isinstance(facts, VerificationFacts) and facts.contact is not None:
            about = facts.verification
            if about is not None and about.contact_id != facts.contact.id:
                self._broke("I7", "verification with another person's facts")
        for item in decision.outbox:
            if item.kind not in ("text", "mail", "call") or not item.template.startswith("euv.send"):
                continue
            addresses = self._store.rows.addresses.get((tenant_id, item.contact_id), ())
            if item.payload.get("to") not in {a.value for a in addresses}:
                self._broke("I7", "verification sent to an address that is not the person's")

    def _all(self, broken: verdicts_users.Broken) -> None:
        for name, what in broken:
            self._broke(name, what)


def _is(seen: uv.State, stored: uv.State) -> bool:
    return seen is stored or seen == stored


def _says_no(state: State) -> bool:
    if isinstance(state, Blank):
        return False
    return isinstance(state, Denied | Alarm) or any(line.what == "denied_late" for line in state.story.trail)


def _askers(state: State) -> tuple[str, ...]:
    if isinstance(state, Blank):
        return ()
    asker = state.story.asker
    return (asker.contact_id,) if isinstance(asker, Known) else asker.contact_ids


def _trail(state: uv.State) -> tuple[Any, ...]:
    return () if isinstance(state, uv.Blank) else state.trail


def _without_spoken(state: uv.Sent) -> uv.State:
    return replace(state, challenge=replace(state.challenge, spoken=None))
