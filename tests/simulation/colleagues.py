"""What technicians do about second persons: ask, agree, refuse, take back, use, at the worst moment there is."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from bot.drafts import Draft
from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.turns import AddressFacts, VerificationAsk, VerificationFacts
from tests.fixtures.stand_ins import START
from tests.fixtures.world import Person, World
from tests.simulation.callers import NOTE, Callers
from tests.simulation.deeds import DOING, Asks, Decides
from tests.simulation.house import House
from tests.simulation.parts import wants_colleagues
from tests.simulation.run import Simulation, forgiving
from tests.simulation.watch_approvals import SeenApproval
from web.ports import Acting

#: How often somebody does something here instead of whatever they would do else.
OFTEN = 0.3
_BY_PHONE = (uv.Method.SMS_CODE, uv.Method.SMS_LINK, uv.Method.VOICE_CALL)
_WHY = "her boss is on the line"


def other_number(person: Person) -> str:
    """A second mobile of theirs that is not the usual one."""
    return f"+1347555{int(person.id[-4:]):04d}"


class Colleagues(Callers):
    """Acts in one simulation. Its dice are its own, so that runs without second persons are what they were."""

    def __init__(self, simulation: Simulation, at_hand: Mapping[str, Sequence[Person]]) -> None:
        super().__init__(simulation, at_hand)
        self._dice = random.Random(f"colleagues {simulation.seed}")
        self._changes = 0
        for world in filter(wants_colleagues, simulation.worlds):
            for person in world.people:
                other = AddressFacts(f"other-{person.id}", "mobile", other_number(person), False, None)
                _set_address(simulation, world, person, other)

    def instead(self, world: World) -> Callable[[World], None] | None:
        """Something about second persons, every now and then."""
        if not wants_colleagues(world) or self._dice.random() >= OFTEN:
            return None
        return self._dice.choice(self.actions)

    def deadlines(self) -> list[datetime]:
        """Of what is asked or agreed to and not over."""
        return [until for _, seen in self._run.watch.approvals.live() if (until := ap.until_of(seen.state)) is not None]

    @property
    def actions(self) -> tuple[Callable[[World], None], ...]:
        """Each as often as it is likely."""
        return (
            *(self.whole_address, self.whole_address, self.whole_high, self.whole_high, self.whole_high),
            *(self.decide, self.decide, self.withdraw, self.race, self.use, self.use),
            *(self.at_the_last_moment, self.at_the_last_moment, self.pester, self.change_address),
        )

    # --- what they do -----------------------------------------------------------------------------------------------

    def whole_address(self, world: World) -> None:
        """Asked, agreed to by the other one, and used: once, or nearly twice."""
        person, who = self._somebody(world), self._anybody(world)
        ticket = self._about(world, person)
        gap, address = self._dice.choice((0.5, 3.0, 20.0)), self._unusual(world, person)
        self._ask_for(world, person, "address", who, ticket, address)
        self._run.after(gap, lambda: self._decide_newest(world, person))
        for n in range(self._dice.choice((1, 2, 2))):
            by, about = (
                (who, ticket) if self._dice.random() < 0.8 else (self._anybody(world), self._about(world, person))
            )
            method = self._dice.choice(_BY_PHONE) if address.startswith(("other", "mobile")) else uv.Method.EMAIL_CODE
            later = gap * 2 + n * self._dice.choice((0.0, 0.0, 31.0))
            self._run.after(later, partial(self._send, world, person, method, address, by, about))

    def whole_high(self, world: World) -> None:
        """Two methods one after the other, a colleague, and mostly something that ends the clearance."""
        person, who = self._somebody(world), self._anybody(world)
        ticket = self._about(world, person)
        phone = self._dice.choice((uv.Method.SMS_CODE, uv.Method.SMS_CODE, uv.Method.VOICE_CALL))
        second = uv.Method.EMAIL_CODE if self._dice.random() < 0.9 else uv.Method.VOICE_CALL
        step, at = self._dice.choice((2.0, 4.0)), 0.0
        for method in (phone, second):
            kind = uv.METHODS[method].kinds[-1]
            self._run.after(at, partial(self._send, world, person, method, f"{kind}-{person.id}", who, ticket))
            self._run.after(at + 2 * step, partial(self._answer, world, person))
            at += 3 * step
        self._run.after(at, lambda: self._ask_for(world, person, "high", who, ticket, ""))
        self._run.after(at + step, lambda: self._decide_newest(world, person))
        end: Callable[[], None] = self._dice.choice(
            (
                lambda: self._deny_by_text_of(world, person),
                lambda: self._change(world, person),
                lambda: self.withdraw(world),
                lambda: None,
            )
        )
        self._run.after(at + self._dice.choice((2, 5, 20)) * step, end)

    def decide(self, world: World) -> None:
        """Anybody about anything, live or over: their own, another tenant's, without the rank."""
        found = self._one_asked(world)
        if found is None:
            return self.whole_address(world)
        elsewhere = self._dice.random() < 0.1
        who = self._other(world, found[1]) if self._dice.random() < 0.6 else self._anybody(world)
        who = self._anybody(self._run.worlds[1]) if elsewhere else who
        self._decide(found[0], who, says_yes=self._dice.random() < 0.75)

    def withdraw(self, world: World) -> None:
        found = self._one_asked(world)
        if found is not None:
            who = self._by(world, found[1]) if self._dice.random() < 0.8 else self._anybody(world)
            self._in_some_house(lambda house: house.approving.withdraw(who, found[0]))

    def race(self, world: World) -> None:
        """Two say yes, one says no, the asker takes it back and uses it, all at one moment."""
        found = self._one_asked(world)
        if found is None:
            return self.whole_high(world)
        id, seen = found
        for _ in range(self._dice.choice((2, 4, 6))):
            match self._dice.choice(("yes", "yes", "yes", "no", "back", "use", "use")):
                case "back":
                    self._in_some_house(lambda house: house.approving.withdraw(self._by(world, seen), id))
                case "use":
                    self._use_it(world, seen)
                case word:
                    who = self._other(world, seen) if self._dice.random() < 0.7 else self._anybody(world)
                    self._decide(id, who, says_yes=word == "yes")

    def use(self, world: World) -> None:
        """What was agreed to, mostly; now and then by somebody else, or about something else."""
        granted = [s for _, s in self._run.watch.approvals.live() if isinstance(s.state, ap.Granted)]
        mine = [s for s in granted if s.tenant_id == world.tenant_id]
        if not mine:
            return self.whole_address(world)
        self._use_it(world, self._dice.choice(mine))

    def at_the_last_moment(self, world: World) -> None:
        """A decision or a use as it runs out, a little before or after."""
        live = [(i, s) for i, s in self._run.watch.approvals.live() if s.tenant_id == world.tenant_id]
        if not live:
            return self.whole_address(world)
        id, seen = self._dice.choice(live)
        until = ap.until_of(seen.state)
        assert until is not None, "it is live"
        late = timedelta(seconds=self._dice.choice((-1, -0.001, 0, 0.001, 1, 20)))
        if isinstance(seen.state, ap.Waiting):
            who = self._other(world, seen)
            self._run.at(until + late, lambda: self._decide(id, who, says_yes=True))
        else:
            self._run.at(until + late, lambda: self._use_it(world, seen))

    def pester(self, world: World) -> None:
        """Ask and take it back, again and again."""
        who = self._anybody(world)
        if self._dice.random() < 0.4 or not self._run.houses:
            return self.decide(world)
        house = self._dice.choice(self._run.houses)
        asked = [(p.id, f"other-{p.id}") for p in self._dice.sample(list(world.people), 3)]

        async def again_and_again() -> None:
            for n in range(12):
                contact_id, address_id = asked[n % 3]
                acted = await house.approving.ask(
                    who, kind="address", contact_id=contact_id, address_id=address_id, note=_WHY
                )
                if acted.refused:
                    return
                await house.approving.withdraw(who, acted.id)

        self._run.begin(house, forgiving(again_and_again))

    def change_address(self, world: World) -> None:
        self._change(world, self._somebody(world))

    # --- pieces -----------------------------------------------------------------------------------------------------

    def _ask_for(self, world: World, person: Person, kind: str, who: Acting, ticket: str, address_id: str) -> None:
        note = _WHY if self._dice.random() < 0.95 else "please"

        async def asking(house: House) -> object:
            return await house.approving.ask(
                who, kind=kind, contact_id=person.id, address_id=address_id, ticket=ticket, note=note
            )

        self._in_some_house(asking)

    def _decide_newest(self, world: World, person: Person) -> None:
        about = [(i, s) for i, s in self._run.watch.approvals.live() if s.contact_id == person.id]
        if about:
            id, seen = about[-1]
            who = self._other(world, seen) if self._dice.random() < 0.85 else self._anybody(world)
            self._decide(id, who, says_yes=self._dice.random() < 0.9)

    def _decide(self, id: str, who: Acting, *, says_yes: bool) -> None:
        doing = Decides(id, who.technician_id, who.supervisor)

        async def deciding(house: House) -> object:
            DOING.set(doing)
            if says_yes:
                return await house.approving.grant(who, id)
            return await house.approving.refuse(who, id, reason="no boss that I know")

        self._in_some_house(deciding)

    def _use_it(self, world: World, seen: SeenApproval) -> None:
        wanted, person = seen.wanted, next(p for p in world.people if p.id == seen.contact_id)
        ticket = wanted.ticket.id if wanted.ticket is not None else ""
        if self._dice.random() < 0.15:
            ticket = "" if ticket else f"old-{person.id[-4:]}"
        who = self._by(world, seen) if self._dice.random() < 0.85 else self._anybody(world)
        to = wanted.destination
        address = to.address_id if to is not None else self._unusual(world, person)
        method = uv.Method.EMAIL_CODE if address.startswith("email") else self._dice.choice(_BY_PHONE)
        self._send(world, person, method, address, who, ticket)

    def _send(self, world: World, person: Person, method: uv.Method, address_id: str, who: Acting, ticket: str) -> None:
        asks = Asks(who.technician_id, who.supervisor or who.technician_id == world.dana)

        async def asking(house: House) -> object:
            DOING.set(asks)
            return await house.verifying.start(
                who, contact_id=person.id, address_id=address_id, method=method.value, ticket=ticket, note=NOTE
            )

        self._in_some_house(asking)

    def _answer(self, world: World, person: Person) -> None:
        for id, seen in self._run.watch.users.live():
            if (seen.tenant_id, seen.contact_id) == (world.tenant_id, person.id) and seen.code:
                self._type(world, id, seen, seen.code, who=self._asker(world, seen))

    def _change(self, world: World, person: Person) -> None:
        """Another usual mailbox, or another second number: what was shown and asked before is worth nothing."""
        self._changes += 1
        new = (
            AddressFacts(f"other-{person.id}", "mobile", f"+1929555{self._changes:04d}", False, self._run.now())
            if self._dice.random() < 0.7
            else AddressFacts(
                f"email-{person.id}", "email", f"new{self._changes}.{person.email}", True, self._run.now()
            )
        )
        ask = VerificationAsk(world.tenant_id, contact_id=person.id)

        def void(facts: VerificationFacts, draft: Draft) -> None:
            policy = facts.tenant.settings.policy
            for live in facts.live:
                draft.step_verification(live, uv.Voided("number_changed"), policy, "en")
            draft.end_shields(person.id)

        async def changing(house: House) -> None:
            await house.engine.of_verification(ask, void)
            # Nothing comes between: in one transaction where people are.
            _set_address(self._run, world, person, new)
            self._run.watch.users.address_changed(world.tenant_id, person.id)

        self._in_some_house(changing)

    def _one_asked(self, world: World) -> tuple[str, SeenApproval] | None:
        """Mostly a live one; else one of the newest that are over."""
        mine = [(i, s) for i, s in self._run.watch.approvals.seen.items() if s.tenant_id == world.tenant_id]
        live = [(i, s) for i, s in mine if isinstance(s.state, ap.Live)]
        if live and self._dice.random() < 0.85:
            return self._dice.choice(live)
        return self._dice.choice(mine[-3:]) if mine else None

    def _unusual(self, world: World, person: Person) -> str:
        """Of their addresses; mostly one that a colleague must agree to."""
        known = self._run.store.rows.addresses[world.tenant_id, person.id]
        new = [a.id for a in known if a.changed_at is not None or not a.is_default]
        return self._dice.choice(new) if self._dice.random() < 0.95 else f"mobile-{person.id}"

    def _about(self, world: World, person: Person) -> str:
        """Their own ticket or none, and now and then somebody else's."""
        whose = person if self._dice.random() < 0.95 else self._dice.choice(world.people)
        return self._dice.choice(("", f"old-{whose.id[-4:]}", f"old-{whose.id[-4:]}"))

    def _somebody(self, world: World) -> Person:
        """Mostly somebody who has nothing else to do with us: denials and checks of callers come first."""
        at_hand = self._at_hand[world.tenant_id]
        quiet = [person for person in world.people if person not in at_hand]
        return self._dice.choice(quiet if self._dice.random() < 0.8 else at_hand)

    def _anybody(self, world: World) -> Acting:
        return self._acting(world, supervisor=self._dice.random() < 0.6)

    def _other(self, world: World, seen: SeenApproval) -> Acting:
        """Not whoever asked, and with the rank to decide."""
        id, name = next(one for one in world.technicians if one[0] != seen.wanted.technician.id)
        return Acting(world.tenant_id, id, name, name, "technician", True, "log-in", "bearer", START)

    def _by(self, world: World, seen: SeenApproval) -> Acting:
        asker = seen.wanted.technician
        who = self._acting(world, supervisor=self._dice.random() < 0.6)
        return replace(who, technician_id=asker.id, name=asker.first_name, first_name=asker.first_name)


def _set_address(run: Simulation, world: World, person: Person, new: AddressFacts) -> None:
    key = (world.tenant_id, person.id)
    rows = run.store.rows
    rows.addresses[key] = (*(a for a in rows.addresses.get(key, ()) if a.id != new.id), new)
    rows.at_address.setdefault((world.tenant_id, new.value), set()).add(person.id)
