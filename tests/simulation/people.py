"""What people do in a simulation: users text, technicians tap, and both do it at the worst moment they can find."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.acts import Acts
from dialogs.tech_verify import Claimed, Open
from tests.fixtures.stand_ins import START
from tests.fixtures.world import World
from tests.simulation.callers import Callers
from tests.simulation.colleagues import Colleagues
from tests.simulation.run import Simulation, forgiving
from tests.simulation.verdicts import Seen
from web.ports import Acted, Acting

ASKING = ("#verify", "verify", "# verify", "#verify please", "#VERIFY", "Verify!", "#verify\u200b")
DENYING = ("#deny", "deny", "report", "#deny this caller")
ODD = ("hello", "#conferm", "confirm", "", "#", "#help me", "yes", "#verify 123", "#сonfirm", "HELP", "info")
GAPS = (0.0, 0.0, 0.0, 0.001, 0.2, 1.0, 4.0, 25.0, 61.0, 240.0)


class People:
    """Acts in one simulation, one step at a time."""

    def __init__(self, simulation: Simulation) -> None:
        self._run = simulation
        self._dice = simulation.dice
        self._at_hand = {w.tenant_id: self._dice.sample(list(w.people), 2) for w in simulation.worlds}
        for world in simulation.worlds:
            if self._dice.random() < 0.5:
                two_phones = [p for p in world.people if (world.tenant_id, p.id) in simulation.second_phones]
                self._at_hand[world.tenant_id][1:] = two_phones
        for world in simulation.worlds:
            if simulation.shares_number and world is simulation.worlds[0]:
                self._at_hand[world.tenant_id][0] = world.people[0]
        self._announced: list[tuple[str, str, str]] = []
        self._callers = Callers(simulation, self._at_hand)
        self._colleagues = Colleagues(simulation, self._at_hand)
        self._actions = (*(one.__get__(self) for one in self._ACTIONS), *self._callers.actions)

    def step(self) -> None:
        """Wait a little, then do something."""
        run, dice = self._run, self._dice
        deadlines = [
            *(self._deadline(seen) for _, seen in run.watch.live()),
            *self._callers.deadlines(),
            *self._colleagues.deadlines(),
        ]
        if deadlines and dice.random() < 0.12:
            around = dice.choice(deadlines) + timedelta(seconds=dice.choice((-1, -0.001, 0, 0.001, 1)))
            run.move_to(max(around, run.now()))
        else:
            run.move_to(run.now() + timedelta(seconds=dice.choice(GAPS)))
        world = dice.choice((run.worlds[0], run.worlds[0], run.worlds[1]))
        action: Callable[[World], None] = dice.choice(self._actions)
        action = self._colleagues.instead(world) or action
        run.counts["steps"] += 1
        action(world)
        if dice.random() < 0.25:
            run.light_fuse()
        if dice.random() < 0.02:
            run.lose_storage(dice.choice((0.5, 20.0)))
        run.settle_down()

    # --- users ------------------------------------------------------------------------------------------------------

    def _ask(self, world: World) -> None:
        self._text(world, self._dice.choice(ASKING))

    def _confirm(self, world: World) -> None:
        found = self._live_of(world)
        if found is None:
            return self._text(world, self._dice.choice(("#confirm", "#confirm 123456", "#deny")))
        _, seen = found
        code = seen.code
        wrong = f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"
        spaced = f"#confirm {code[:3]} {code[3:]}"
        said = self._dice.choice(
            ("#confirm", f"#confirm {code}", spaced, f"#confirm {wrong}", f"confirm {code}", code, f"#confirm {code}")
        )
        self._from_sender(world, seen, said)

    def _storm(self, world: World) -> None:
        """Wrong code after wrong code, up to the last one that counts."""
        found = self._live_of(world)
        if found is None:
            return self._ask(world)
        _, seen = found
        for _ in range(self._dice.choice((2, 4, 5, 6))):
            wrong = f"{(int(seen.code) + 7) % 10 ** len(seen.code):0{len(seen.code)}d}"
            self._from_sender(world, seen, f"#confirm {wrong}")
        if self._dice.random() < 0.5:
            self._from_sender(world, seen, f"#confirm {seen.code}")

    def _deny(self, world: World) -> None:
        found = self._live_of(world)
        if found is None:
            return self._text(world, self._dice.choice(DENYING))
        self._from_sender(world, found[1], self._dice.choice(DENYING))

    def _odd(self, world: World) -> None:
        self._text(world, self._dice.choice(ODD))

    def _stop(self, world: World) -> None:
        """STOP while texts are still queued, and START some time after."""
        person, ours = self._dice.choice(self._at_hand[world.tenant_id]), self._ours(world)
        if self._dice.random() < 0.6:
            self._run.provider.text(world, person.mobile, ours, self._dice.choice((*ASKING, "hello")))
        self._run.provider.text(world, person.mobile, ours, self._dice.choice(("STOP", "stop", "STOPALL")))
        if self._dice.random() < 0.7:
            back = self._dice.choice((1, 30, 300))
            self._run.after(back, lambda: self._start_again(world, person.mobile, ours))

    def _start_again(self, world: World, mobile: str, ours: str) -> None:
        self._run.provider.text(world, mobile, ours, "START")

    def _stranger(self, world: World) -> None:
        self._run.provider.text(
            world, world.stranger, self._ours(world), self._dice.choice((*ASKING, "#confirm", "hi"))
        )

    def _replay(self, world: World) -> None:
        """Somebody who has recorded a genuine request posts it again, split into fields anew."""
        if self._run.provider.messages:
            old = self._dice.choice(self._run.provider.messages).inbound
            to = self._world_of(old.our_address)
            self._run.counts["replays"] += 1
            self._run.provider.text(to, old.their_address, old.our_address, old.text, digest=old.replay_digest)

    # --- technicians ------------------------------------------------------------------------------------------------

    def _claim(self, world: World) -> None:
        found = self._live_of(world)
        if found is not None:
            self._claim_it(world, found)

    def _race(self, world: World) -> None:
        """Two technicians tap at the same moment, and the user answers at once."""
        found = self._live_of(world)
        if found is None:
            return self._ask(world)
        self._claim_it(world, found)
        self._claim_it(world, found)
        if self._dice.random() < 0.5:
            self._from_sender(world, found[1], f"#confirm {found[1].code}")

    def _claim_it(self, world: World, found: tuple[str, Seen]) -> None:
        check_id, seen = found
        who = self._acting(world)
        direction = self._dice.choice((*("we_called_user",) * 6, "on_site", "user_called_us"))
        contact = seen.contact_id or self._dice.choice([p.id for p in world.people[:2]])
        pick = contact if not seen.contact_id or self._dice.random() < 0.1 else ""
        ticket = self._ticket(seen.contact_id or contact)
        self._tap(lambda acts: acts.claim(who, check_id, direction=direction, ticket=ticket, contact_id=pick))

    def _work(self, world: World) -> None:
        """Anything else a technician may do to a check, live or over, and sometimes to another tenant's."""
        if not self._run.watch.checks:
            return
        mine = [i for i, s in self._run.watch.checks.items() if s.tenant_id == world.tenant_id]
        foreign = self._dice.random() < 0.1
        live = [i for i, s in self._run.watch.live() if s.tenant_id == world.tenant_id]
        likely = live if live and self._dice.random() < 0.6 else mine[-3:]
        check_id = self._dice.choice(list(self._run.watch.checks) if foreign or not mine else likely)
        who = self._acting(world)
        seen = self._run.watch.checks[check_id]
        ticket = self._ticket(seen.contact_id)
        deeds: tuple[Callable[[Acts], Awaitable[Acted | None]], ...] = (
            lambda acts: acts.release(who, check_id),
            lambda acts: acts.take_over(who, check_id),
            lambda acts: acts.verbal(who, check_id, note="said yes"),
            lambda acts: acts.reject(who, check_id, reason="a test"),
            lambda acts: acts.link_ticket(who, check_id, ticket=ticket),
            lambda acts: acts.resend(who, check_id),
            lambda acts: acts.approve_note(who, check_id),
            lambda acts: acts.code_shown(who, check_id),
        )
        self._tap(self._dice.choice(deeds))

    def _announce(self, world: World) -> None:
        person = self._dice.choice(self._at_hand[world.tenant_id])
        who, ticket = self._acting(world), self._ticket(person.id)
        notify = self._dice.random() < 0.5

        async def announce(acts: Acts) -> None:
            made = await acts.announce(
                who, contact_id=person.id, direction="we_called_user", ticket=ticket, notify=notify
            )
            if made.id:
                self._announced.append((world.tenant_id, person.id, made.id))

        self._tap(announce)
        if self._dice.random() < 0.7:
            ours = self._ours(world)
            self._run.after(self._dice.choice((0, 2, 100)), lambda: self._ask_from(world, person.mobile, ours))

    def _ask_from(self, world: World, mobile: str, ours: str) -> None:
        self._run.provider.text(world, mobile, ours, "#verify")

    def _withdraw(self, world: World) -> None:
        if self._announced and self._run.houses:
            tenant_id, contact_id, announced_id = self._announced[-1]
            house = self._dice.choice(self._run.houses)
            who = self._acting(world)
            self._run.begin(
                house,
                forgiving(
                    lambda: house.engine.withdraw(
                        tenant_id, contact_id, announced_id, by=who.technician_id, supervisor=True
                    )
                ),
            )

    def _restart(self, world: World) -> None:
        if self._dice.random() < 0.2:
            self._run.close_house()

    def _whole(self, world: World) -> None:
        """A check as it should be, each step when the one before has been answered, or nearly."""
        person, ours = self._dice.choice(self._at_hand[world.tenant_id]), world.number.address
        gap = self._dice.choice((0.05, 2.0, 6.0))

        def answer() -> None:
            found = self._of_sender(world, person.mobile)
            if found is not None:
                self._run.provider.text(world, person.mobile, found[2], f"#confirm {found[1].code}")

        def claim() -> None:
            found = self._of_sender(world, person.mobile)
            if found is not None:
                self._claim_it(world, found[:2])

        self._run.provider.text(world, person.mobile, ours, "#verify")
        self._run.after(gap, claim)
        self._run.after(2 * gap, answer)

    _ACTIONS = (
        *(_ask, _ask, _confirm, _confirm, _confirm, _storm, _deny, _odd, _stop, _stranger, _replay),
        *(_claim, _claim, _claim, _race, _work, _work, _work, _announce, _withdraw, _restart),
        *(_whole, _whole, _whole, _whole),
    )

    # --- pieces -----------------------------------------------------------------------------------------------------

    def _tap(self, deed: Callable[[Acts], Awaitable[Acted | None]]) -> None:
        if self._run.houses:
            house = self._dice.choice(self._run.houses)
            self._run.begin(house, forgiving(lambda: deed(house.acts)))

    def _acting(self, world: World) -> Acting:
        technician_id, first_name = self._dice.choice(world.technicians)
        return Acting(
            world.tenant_id, technician_id, first_name, first_name, "technician", False, "log-in", "bearer", START
        )

    def _ticket(self, contact_id: str) -> str:
        return self._dice.choice((*("new",) * 5, "later", "later", *(f"old-{contact_id[-4:]}",) * 4, "no-such"))

    def _ours(self, world: World) -> str:
        return self._dice.choice((world.number, world.number, world.second)).address

    def _text(self, world: World, words: str) -> None:
        person = self._dice.choice(self._at_hand[world.tenant_id])
        second = self._run.second_phones.get((world.tenant_id, person.id), person.mobile)
        self._run.provider.text(world, self._dice.choice((person.mobile, second)), self._ours(world), words)

    def _from_sender(self, world: World, seen: Seen, words: str) -> None:
        """From the phone that asked; mostly to the number that answered."""
        ours = self._our_number(world, seen)
        if self._dice.random() < 0.1:
            ours = self._ours(self._dice.choice(self._run.worlds))
        self._run.provider.text(self._world_of(ours), seen.sender[1], ours, words)

    def _our_number(self, world: World, seen: Seen) -> str:
        stored = [c for c in self._run.store.rows.checks.values() if c.state == seen.state]
        return stored[0].our_address if stored else world.number.address

    def _live_of(self, world: World) -> tuple[str, Seen] | None:
        live = [(i, s) for i, s in self._run.watch.live() if s.tenant_id == world.tenant_id]
        return self._dice.choice(live) if live else None

    def _of_sender(self, world: World, mobile: str) -> tuple[str, Seen, str] | None:
        for check_id, seen in self._run.watch.live():
            if seen.tenant_id == world.tenant_id and seen.sender[1] == mobile:
                return check_id, seen, self._our_number(world, seen)
        return None

    def _world_of(self, ours: str) -> World:
        first, second = self._run.worlds
        return first if ours in (first.number.address, first.second.address) else second

    def _deadline(self, seen: Seen) -> datetime:
        assert isinstance(seen.state, Open | Claimed)
        return seen.state.challenge.expires_at
