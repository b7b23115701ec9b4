"""Stored forms: states with their codes sealed, settings, desks, ids, the leaf of a line."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs import tech_verify as tv
from dialogs.desk import Desk
from dialogs.effects import Code
from dialogs.machine import members
from dialogs.settings import SettingsError, TenantSettings
from dialogs.turns import AuditEvent
from storage.audit_lines import StoredLine, audit_line, canonical, leaf
from storage.codec import BadState, dump_desk, dump_json, dump_state, load_desk, load_state, shape_of, summary
from storage.keys import CannotOpen, Keyring, RowKeys
from storage.settings_json import dump_settings, load_settings
from storage.times import id_from, micros, moment
from tests.fixtures.world import MASTER_KEY, START

moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
words = st.text(max_size=20)
st.register_type_strategy(datetime, moments)
st.register_type_strategy(timedelta, st.integers(0, 10**7).map(lambda seconds: timedelta(seconds=seconds)))
st.register_type_strategy(Code, st.text("0123456789", min_size=6, max_size=10).map(Code))
states = st.one_of(*(st.from_type(cls) for cls in members(tv.State)))


def row_keys() -> RowKeys:
    ring = Keyring([MASTER_KEY])
    return ring.row_keys(ring.tenant("t", ring.new_tenant_key("t")))


KEYS = row_keys()


def seal(plain: bytes) -> bytes:
    return KEYS.seal(plain, b"place")


def unseal(cell: bytes) -> bytes:
    return KEYS.open(cell, b"place")


@given(states)
def test_every_state_comes_back_as_it_was(state: tv.State) -> None:
    assert load_state(dump_state(state, seal), unseal) == state


@pytest.mark.feature("SEC-17")
@given(states, st.text("0123456789", min_size=6, max_size=10).filter(lambda d: len(set(d)) > 3))
def test_no_code_is_readable_in_a_stored_state(state: tv.State, digits: str) -> None:
    if isinstance(state, tv.Open | tv.Claimed):
        story = replace(state.story, requested_at=START, trail=())
        challenge = replace(state.challenge, code=Code(digits), digest="", expires_at=START)
        state = replace(state, story=replace(story, asker=tv.Several(())), challenge=challenge)
        stored = dump_state(state, seal)
        assert json.loads(stored)["state"]["challenge"]["code"].keys() == {"sealed"}
        assert digits not in json.dumps(json.loads(stored)["state"]["challenge"])
    else:
        assert "sealed" not in json.loads(dump_state(state, seal))["state"]


@pytest.mark.feature("SEC-18")
def test_a_code_sealed_for_another_check_does_not_open() -> None:
    challenge = tv.Challenge(Code("123456"), "d", tv.Mode.COMPARE, START)
    stored = dump_state(tv.Open(tv.Story(tv.Known("c", "n"), START), challenge), seal)
    with pytest.raises(CannotOpen):
        load_state(stored, lambda cell: KEYS.open(cell, b"another place"))


def test_fields_of_a_newer_version_are_ignored() -> None:
    state = tv.Superseded(tv.Story(tv.Known("c", "n"), START), START, None, "x", tv.Logged.NOT_DUE)
    stored = json.loads(dump_state(state, seal))
    stored["state"]["invented"] = 1
    stored["state"]["story"]["invented"] = {"deep": True}
    assert load_state(json.dumps(stored | {"also": 1}), unseal) == state


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", '{"kind":"Nonsense","state":{}}', '{"kind":"Open","state":{"story":1}}']
)
def test_a_state_of_another_shape_is_refused_without_quoting_it(body: str) -> None:
    with pytest.raises(BadState, match="a stored state cannot be read") as caught:
        load_state(body, unseal)
    assert caught.value.__cause__ is None


def test_classes_without_fields_are_told_apart() -> None:
    """A ticket that was asked for must not come back as one for later."""
    for ticket in (tv.Later(), tv.NewTicket(), tv.Ticket("T", "1")):
        claim = tv.Claim(tv.Technician("t", "Dana"), tv.Direction.ON_SITE, ticket, START)
        state = tv.Denied(tv.Story(tv.Known("c", "n"), START), START, claim, tv.Logged.NOT_DUE)
        assert load_state(dump_state(state, seal), unseal) == state


@pytest.mark.feature("SEC-17")
def test_a_code_where_it_could_slip_by_is_refused_at_start() -> None:
    @dataclass(frozen=True)
    class Listed:
        codes: tuple[Code, ...]

    with pytest.raises(TypeError, match="go unsealed"):
        shape_of(Listed)


@pytest.mark.parametrize("cls", members(tv.State))
def test_the_summary_of_every_state_says_what_lists_need(cls: type[tv.State]) -> None:
    technician = tv.Technician("t1", "Dana")
    claim = tv.Claim(technician, tv.Direction.ON_SITE, tv.Ticket("T", "1"), START)
    story, challenge = tv.Story(tv.Known("c", "n"), START), tv.Challenge(Code("1"), "d", tv.Mode.COMPARE, START)
    given_values: dict[str, Any] = {"story": story, "challenge": challenge, "claim": claim, "told": True, "at": START}
    given_values |= {"logged": tv.Logged.NOT_DUE, "assurance": "compare", "reason": "deadline", "by": "x"}
    state = cls(**{f: v for f, v in given_values.items() if f in cls.__slots__})
    known = summary(state)
    assert known.state == cls.__name__.lower()
    assert known.is_live == (cls in (tv.Open, tv.Claimed))
    assert known.expires_at == (START if known.is_live else None)
    has_claim = cls not in (tv.Blank, tv.Open)
    assert (known.technician_id, known.ticket_id) == (("t1", "T") if has_claim else ("", ""))


@given(st.dictionaries(words, moments))
def test_desks_come_back(answered: dict[str, datetime]) -> None:
    assert load_desk(dump_desk(Desk(answered))) == Desk(answered)


@given(st.from_type(TenantSettings))
def test_settings_come_back_and_durations_are_seconds(settings: TenantSettings) -> None:
    settings = replace(settings, words=dict(settings.words), texts=dict(settings.texts))
    assert load_settings(dump_settings(settings)) == settings
    assert json.loads(dump_settings(settings))["rules"]["lifetime"] == settings.rules.lifetime.total_seconds()


def test_what_settings_leave_out_takes_its_default_and_what_is_new_is_ignored() -> None:
    assert load_settings("{}") == TenantSettings()
    assert load_settings('{"rules":{"lifetime":300,"new":1},"newer":2}').rules.lifetime == timedelta(minutes=5)
    with pytest.raises(SettingsError, match=r"rules\.mode"):
        load_settings('{"rules":{"mode":"nonsense"}}')


@given(moments)
def test_times_come_back_to_the_microsecond(at: datetime) -> None:
    assert moment(micros(at)) == at


@given(st.tuples(moments, moments), st.binary(min_size=10, max_size=32))
def test_ids_are_uuid7_sort_by_time_and_repeat(pair: tuple[datetime, datetime], digest: bytes) -> None:
    first, second = (id_from(micros(at), digest) for at in sorted(pair))
    assert first <= second
    assert first == id_from(micros(min(pair)), digest)
    assert (len(first), first[14], first[19] in "89ab") == (36, "7", True)


@pytest.mark.feature("SEC-54")
def test_the_leaf_covers_every_column_and_not_the_place_in_the_log() -> None:
    event = AuditEvent("e", START, "kind", "c", "p", "t", "T", "talk", "sms", {"b": 1, "a": "ü"}, {"note": "words"})
    *columns, stored_leaf = audit_line("tenant", event, KEYS)
    line = StoredLine(*columns)  # type: ignore[arg-type]  # the tuple is in the order of the fields
    assert leaf(canonical(line)) == stored_leaf
    assert len(stored_leaf) == 32
    for name in StoredLine.__slots__:
        old: Any = getattr(line, name)
        new = old + 1 if isinstance(old, int) else old + (b"x" if isinstance(old, bytes) else "x")
        assert leaf(canonical(_changed(line, name, new))) != stored_leaf, name


def _changed(line: StoredLine, name: str, new: Any) -> StoredLine:
    change: dict[str, Any] = {name: new}
    return replace(line, **change)


@pytest.mark.feature("SEC-54")
def test_a_leaf_is_what_it_was_when_the_log_began() -> None:
    """Stored leaves are checked for as long as logs are kept, so these bytes never change."""
    line = StoredLine("t", "e", 1, "k", "", "", "", "", "", "sms", '{"a":"ü"}', b"\x01\x02")
    assert canonical(line) == '["t","e",1,"k","","","","","","sms","{\\"a\\":\\"ü\\"}","0102"]'.encode()


@pytest.mark.feature("SEC-54")
@given(st.lists(st.one_of(st.text(), st.integers(-(2**60), 2**60))))
def test_json_is_the_standard_librarys(values: list[str | int]) -> None:
    """So that anybody can check a leaf with any JSON library."""
    expected = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    assert dump_json(values) == expected.encode()
