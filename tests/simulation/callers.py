"""What people do about verifications of end users: technicians ask and type, users read out, press and deny."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from bot.verifying import Verifying
from dialogs import user_verify as uv
from dialogs.tech_verify import Confirmed, Ticket
from dialogs.turns import VerificationAsk
from tests.fixtures.stand_ins import START
from tests.fixtures.world import Person, World
from tests.simulation.deeds import DOING, Asks, Presses, Types
from tests.simulation.house import House
from tests.simulation.run import Simulation, forgiving
from tests.simulation.verdicts_users import SeenUser
from web.ports import Acting

METHODS = (uv.Method.SMS_CODE, uv.Method.SMS_LINK, uv.Method.EMAIL_CODE, uv.Method.EMAIL_LINK, uv.Method.VOICE_CALL)
NOTE, REASON = "they said so themselves", "nobody else is there"


class Callers:
    """Acts in one simulation. `at_hand`: who has to do with us, by tenant."""

    def __init__(self, simulation: Simulation, at_hand: Mapping[str, Sequence[Person]]) -> None:
        self._run = simulation
        self._dice: random.Random = simulation.dice
        self._at_hand = at_hand

    def deadlines(self) -> list[datetime]:
        """Of what is live, as it was promised."""
        return [seen.expires_at for _, seen in self._run.watch.users.live() if seen.expires_at is not None]

    # --- technicians ------------------------------------------------------------------------------------------------

    def ask(self, world: World) -> None:
        """Anybody by any method; sometimes while a check of theirs is open."""
        self._ask_of(world, self._somebody(world), self._dice.choice(METHODS))

    def ask_whom_we_checked(self, world: World) -> None:
        """The same technician about the same ticket as in the check that has just been confirmed, or nearly."""
        for seen in reversed(self._run.watch.checks.values()):
            state = seen.state
            if seen.tenant_id == world.tenant_id and isinstance(state, Confirmed) and state.claim is not None:
                technician, ticket = state.claim.technician, state.claim.ticket
                who = self._acting(world, supervisor=False)
                if self._dice.random() < 0.8:
                    who = replace(who, technician_id=technician.id, name=technician.first_name)
                about = ticket.id if isinstance(ticket, Ticket) and self._dice.random() < 0.8 else ""
                person = next((p for p in world.people if p.id == seen.contact_id), None)
                if person is not None:
                    return self._ask_of(world, person, self._dice.choice(METHODS), who=who, ticket=about)
        self.ask(world)

    def override(self, world: World) -> None:
        """While a check of a caller is open: by a supervisor, by the only one there, or by somebody who may not."""
        person = self._dice.choice(self._at_hand[world.tenant_id])
        self._run.provider.text(world, person.mobile, world.number.address, "#verify")
        who = self._acting(world, supervisor=self._dice.random() < 0.5)
        reason = self._dice.choice((REASON, REASON, "because"))
        gap = self._dice.choice((0.0, 0.5, 3.0))
        method = self._dice.choice(METHODS)
        self._run.after(gap, lambda: self._ask_of(world, person, method, who=who, override=reason))

    def type_code(self, world: World) -> None:
        """Right, wrong, of another verification, of one that is over, of a check of the caller."""
        found = self._one(world, "code")
        if found is None:
            return self._ask_first(world, "code", self.type_code)
        id, seen = found
        self._type(world, id, seen, self._some_digits(world, seen))

    def storm(self, world: World) -> None:
        """Everything at once: right and wrong codes, and what ends it otherwise."""
        found = self._one(world, "code")
        if found is None:
            return self._ask_first(world, "code", self.storm)
        id, seen = found
        who = self._asker(world, seen)
        for _ in range(self._dice.choice((2, 3, 6))):
            match self._dice.choice(("right", "right", "right", "wrong", "wrong", "cancel", "newer", "deny")):
                case "right":
                    self._type(world, id, seen, seen.code, who=who)
                case "wrong":
                    self._type(world, id, seen, _other(seen.code), who=who)
                case "cancel":
                    self._tap(lambda acts: acts.cancel(who, id))
                case "newer":
                    self._ask_again(world, seen)
                case _:
                    self._deny_by_text(world, seen)

    def guess(self, world: World) -> None:
        """Wrong code after wrong code, and then the right one."""
        found = self._one(world, "code")
        if found is None:
            return self._ask_first(world, "code", self.guess)
        id, seen = found
        who = self._asker(world, seen)
        for _ in range(self._dice.choice((2, 4, 5, 6))):
            self._type(world, id, seen, _other(seen.code), who=who)
        self._type(world, id, seen, seen.code, who=who)

    def work(self, world: World) -> None:
        """Send again, take back, link a ticket, look; by whoever, live or over, sometimes another tenant's."""
        found = self._one(world, "")
        if found is None:
            return self._ask_first(world, "", self.work)
        id, seen = found
        elsewhere = self._dice.random() < 0.1
        who = self._acting(self._run.worlds[1] if elsewhere else world, supervisor=False)
        who = who if self._dice.random() < 0.3 or elsewhere else self._asker(world, seen)
        ticket = self._ticket(seen.contact_id)
        deeds: tuple[Callable[[Verifying], Awaitable[object]], ...] = (
            lambda acts: acts.resend(who, id),
            lambda acts: acts.resend(who, id),
            lambda acts: acts.cancel(who, id),
            lambda acts: acts.link_ticket(who, id, ticket=ticket),
            lambda acts: acts.methods(who, seen.contact_id, ticket=ticket),
            lambda acts: acts.unlock(who, seen.contact_id, method=seen.request.method.value),
        )
        self._tap(self._dice.choice(deeds))

    # --- users ------------------------------------------------------------------------------------------------------

    def press(self, world: World) -> None:
        """Look, Validate, Validate again, "This is not me": several times, late, with right and wrong numbers."""
        found = self._one(world, "link")
        if found is None:
            return self._ask_first(world, "link", self.press)
        _, seen = found
        for _ in range(self._dice.choice((1, 1, 2, 5))):
            number = self._dice.choice((seen.spoken, seen.spoken, "", *(_other(seen.spoken or "10"),) * 2))
            token = seen.token if self._dice.random() < 0.9 else seen.token[:-1] + "_"
            if self._dice.random() < 0.06:
                self._tap(partial(_disown, token))
            elif self._dice.random() < 0.2:
                self._tap(partial(_look, token))
            else:
                self._press(token, number)

    def text(self, world: World) -> None:
        """#verify, STOP and #deny from the phone of somebody who was asked."""
        found = self._one(world, "")
        if found is None:
            return self._ask_first(world, "", self.text)
        _, seen = found
        words = self._dice.choice(("#verify", "#verify", "#verify", "STOP", "#deny", seen.code or "yes"))
        person = self._person(world, seen)
        ours = self._dice.choice((world.number, world.number, world.second)).address
        self._run.provider.text(world, person.mobile, ours, words)
        if words == "STOP":
            self._run.after(30, lambda: self._start_again(world, person.mobile, ours))

    def change_number(self, world: World) -> None:
        """What a change of number does to what was asked and shown before."""
        mine = [(i, s) for i, s in self._run.watch.users.seen.items() if s.tenant_id == world.tenant_id]
        if not mine or not self._run.houses or self._dice.random() < 0.7:
            return self.ask(world)
        id, _ = self._dice.choice(mine[-4:])
        house = self._dice.choice(self._run.houses)
        ask = VerificationAsk(world.tenant_id, verification_id=id)
        voided = uv.Voided("number_changed")
        self._run.begin(house, forgiving(lambda: house.engine.on_verification(ask, voided)))

    def whole(self, world: World) -> None:
        """A verification as it should be: asked, and answered in a moment, or nearly too late."""
        person, method = self._somebody(world), self._dice.choice(METHODS)
        gap = self._dice.choice((2.0, 6.0, 58.0))

        def answer() -> None:
            for id, seen in self._run.watch.users.live():
                if (seen.tenant_id, seen.contact_id) == (world.tenant_id, person.id):
                    if seen.token:
                        self._press(seen.token, seen.spoken)
                    else:
                        self._type(world, id, seen, seen.code, who=self._asker(world, seen))

        self._ask_of(world, person, method)
        self._run.after(gap, answer)
        if self._dice.random() < 0.3:
            self._run.after(gap + self._dice.choice((0.0, 4.0)), lambda: self._deny_by_text_of(world, person))

    @property
    def actions(self) -> tuple[Callable[[World], None], ...]:
        """Each as often as it is likely."""
        return (
            *(self.ask, self.ask_whom_we_checked, self.ask_whom_we_checked, self.override),
            *(self.type_code, self.type_code, self.storm, self.guess, self.press, self.press, self.work, self.work),
            *(self.text, self.change_number, self.whole, self.whole, self.whole),
        )

    # --- pieces -----------------------------------------------------------------------------------------------------

    def _ask_of(
        self,
        world: World,
        person: Person,
        method: uv.Method,
        *,
        who: Acting | None = None,
        ticket: str | None = None,
        override: str = "",
    ) -> None:
        dice = self._dice
        who = who or self._acting(world, supervisor=dice.random() < 0.2)
        about = ticket if ticket is not None else dice.choice(("", self._ticket(person.id)))
        about = "new" if about == "no-such" and uv.METHODS[method].channel == "email" else about
        other = dice.choice(world.people).id if dice.random() < 0.05 else person.id
        kind = dice.choice(("mobile", "email")) if dice.random() < 0.1 else uv.METHODS[method].kinds[-1]
        address = dice.choice(("", f"{kind}-{other}"))
        action = dice.choice(("standard", "standard", "info", "high"))
        note = dice.choice((NOTE, NOTE, ""))
        asks = Asks(who.technician_id, who.supervisor or who.technician_id == world.dana)

        async def asking(house: House) -> object:
            DOING.set(asks)
            return await house.verifying.start(
                who,
                contact_id=person.id,
                address_id=address,
                method=method.value,
                ticket=about,
                note=note,
                action=action,
                override=override,
            )

        self._in_some_house(asking)

    def _ask_again(self, world: World, seen: SeenUser) -> None:
        who = self._asker(world, seen)
        self._ask_of(world, self._person(world, seen), self._dice.choice(METHODS), who=who)

    def _type(self, world: World, id: str, seen: SeenUser, digits: str, *, who: Acting | None = None) -> None:
        dice = self._dice
        who = who or (self._asker(world, seen) if dice.random() < 0.9 else self._acting(world, supervisor=True))
        said = dice.choice((digits, f"{digits[:3]} {digits[3:]}", f" {digits[:2]}-{digits[2:]}"))
        types = Types(id, who.technician_id, digits)

        async def typing(house: House) -> object:
            DOING.set(types)
            return await house.verifying.check(who, id, code=said)

        self._in_some_house(typing)

    def _press(self, token: str, number: str) -> None:
        async def pressing(house: House) -> object:
            DOING.set(Presses(token, number))
            return await house.verifying.confirm_link(token, number=number)

        self._in_some_house(pressing)

    def _tap(self, deed: Callable[[Verifying], Awaitable[object]]) -> None:
        async def doing(house: House) -> object:
            return await deed(house.verifying)

        self._in_some_house(doing)

    def _in_some_house(self, deed: Callable[[House], Awaitable[object]]) -> None:
        if self._run.houses:
            house = self._dice.choice(self._run.houses)
            self._run.begin(house, forgiving(lambda: deed(house)))

    def _some_digits(self, world: World, seen: SeenUser) -> str:
        """Mostly the code; else one that is not, wherever it comes from."""
        codes = [s.code for s in self._run.watch.users.seen.values() if s.code and s is not seen]
        of_checks = [s.code for _, s in self._run.watch.live()]
        other = self._dice.choice(((codes or [""])[-1], self._dice.choice(of_checks or [""]), _other(seen.code)))
        return seen.code if self._dice.random() < 0.5 or not other else other

    def _one(self, world: World, way: str) -> tuple[str, SeenUser] | None:
        """Mostly a live one; else one of the newest that are over."""
        users = self._run.watch.users
        mine = [(i, s) for i, s in users.seen.items() if s.tenant_id == world.tenant_id]
        mine = [(i, s) for i, s in mine if way in ("", uv.METHODS[s.request.method].way)]
        live = [(i, s) for i, s in mine if isinstance(s.state, uv.Live)]
        if live and self._dice.random() < 0.85:
            return self._dice.choice(live)
        return self._dice.choice(mine[-3:]) if mine and self._dice.random() < 0.25 else None

    def _ask_first(self, world: World, way: str, then: Callable[[World], None]) -> None:
        """There is nothing to do it to: ask somebody, and do it then."""
        methods = [m for m in METHODS if way in ("", uv.METHODS[m].way)]
        self._ask_of(world, self._somebody(world), self._dice.choice(methods))
        if self._one(world, way) is None and self._dice.random() < 0.7:
            self._run.after(self._dice.choice((0.05, 3.0, 5.0)), lambda: then(world))

    def _somebody(self, world: World) -> Person:
        """Mostly one of those at hand, who also check callers; else anybody."""
        at_hand = self._dice.random() < 0.6
        return self._dice.choice(self._at_hand[world.tenant_id] if at_hand else world.people)

    def _asker(self, world: World, seen: SeenUser) -> Acting:
        technician = seen.request.technician
        who = self._acting(world, supervisor=False)
        return replace(who, technician_id=technician.id, name=technician.first_name, first_name=technician.first_name)

    def _acting(self, world: World, *, supervisor: bool) -> Acting:
        id, name = self._dice.choice(world.technicians)
        return Acting(world.tenant_id, id, name, name, "technician", supervisor, "log-in", "bearer", START)

    def _ticket(self, contact_id: str) -> str:
        return self._dice.choice(("", *(f"old-{contact_id[-4:]}",) * 4, "no-such"))

    def _person(self, world: World, seen: SeenUser) -> Person:
        known = self._at_hand[world.tenant_id]
        return next((p for p in world.people if p.id == seen.contact_id), known[0])

    def _deny_by_text(self, world: World, seen: SeenUser) -> None:
        self._deny_by_text_of(world, self._person(world, seen))

    def _deny_by_text_of(self, world: World, person: Person) -> None:
        self._run.provider.text(world, person.mobile, world.number.address, "#deny")

    def _start_again(self, world: World, mobile: str, ours: str) -> None:
        self._run.provider.text(world, mobile, ours, "START")


async def _disown(token: str, acts: Verifying) -> object:
    return await acts.disown_link(token)


async def _look(token: str, acts: Verifying) -> object:
    return await acts.look_at_link(token)


def _other(digits: str) -> str:
    return f"{(int(digits) + 7) % 10 ** len(digits):0{len(digits)}d}"
