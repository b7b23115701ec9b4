"""Keys: what is refused as a master key, what binds a cell to its place, what a rotation changes."""

import base64
import itertools
import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.keys import BadMasterKey, CannotOpen, Keyring, place, read_master_key

GOOD = bytes(range(100, 132))
OTHER = bytes(range(50, 82))


@pytest.mark.parametrize(
    "text",
    [
        GOOD.hex(),
        GOOD.hex().upper(),
        base64.b64encode(GOOD).decode(),
        base64.urlsafe_b64encode(GOOD).decode().rstrip("="),
        f"  {GOOD.hex()}\n",
    ],
)
def test_a_master_key_is_read_in_hex_and_base64(text: str) -> None:
    assert read_master_key(text) == GOOD


@pytest.mark.feature("SEC-19")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no master key"),
        ("   \n", "there is no master key"),
        ("changeme", "has 6 bytes and needs 32"),
        ("secret!", "neither hex nor base64"),
        (GOOD[:31].hex(), "has 46 bytes"),
        (base64.b64encode(GOOD[:16]).decode(), "has 16 bytes"),
        (base64.b64encode(GOOD + GOOD).decode(), "has 64 bytes"),
        ("00" * 32, "a pattern"),
        ("0123456789abcdef" * 4, "a pattern"),
        (base64.b64encode(b"a" * 32).decode(), "a pattern"),
    ],
)
def test_a_master_key_that_is_none_is_refused_and_says_what_to_do(text: str, says: str) -> None:
    with pytest.raises(BadMasterKey, match=says) as caught:
        read_master_key(text)
    assert not text.strip() or text.strip() not in str(caught.value)


@pytest.mark.feature("SEC-18", "SEC-19")
@pytest.mark.parametrize("masters", [[], [b""], [GOOD[:31]], [GOOD, b"short"]])
def test_a_keyring_needs_whole_keys(masters: list[bytes]) -> None:
    with pytest.raises(BadMasterKey):
        Keyring(masters)


@pytest.mark.feature("SEC-18")
@given(st.binary(max_size=300))
def test_what_is_sealed_opens_at_its_place(plain: bytes) -> None:
    ring = Keyring([GOOD])
    tenant = ring.tenant("t1", ring.new_tenant_key("t1"))
    keys = ring.row_keys(tenant, "c1", ring.new_contact_key(tenant, "c1"))
    for k in (keys, ring.row_keys(tenant)):
        cell = k.seal(plain, place("outbox", "payload", "t1", "o1"))
        assert k.open(cell, place("outbox", "payload", "t1", "o1")) == plain
        assert len(plain) < 8 or plain not in cell


@pytest.mark.feature("SEC-18")
@pytest.mark.parametrize(
    "elsewhere",
    [
        ("inbound", "payload", "t1", "o1"),
        ("outbox", "body", "t1", "o1"),
        ("outbox", "payload", "t2", "o1"),
        ("outbox", "payload", "t1", "o2"),
    ],
)
def test_a_cell_copied_to_another_place_does_not_open(elsewhere: tuple[str, str, str, str]) -> None:
    ring = Keyring([GOOD])
    keys = ring.row_keys(ring.tenant("t1", ring.new_tenant_key("t1")))
    cell = keys.seal(b"words", place("outbox", "payload", "t1", "o1"))
    with pytest.raises(CannotOpen):
        keys.open(cell, place(*elsewhere))


@pytest.mark.feature("SEC-18")
def test_two_cells_of_one_column_cannot_be_swapped() -> None:
    ring = Keyring([GOOD])
    keys = ring.row_keys(ring.tenant("t1", ring.new_tenant_key("t1")))
    cells = {row: keys.seal(row.encode(), place("outbox", "payload", "t1", row)) for row in ("a", "b")}
    for row, other in (("a", "b"), ("b", "a")):
        with pytest.raises(CannotOpen):
            keys.open(cells[other], place("outbox", "payload", "t1", row))


@pytest.mark.feature("SEC-18")
def test_a_cell_with_any_bit_changed_does_not_open() -> None:
    ring = Keyring([GOOD])
    keys = ring.row_keys(ring.tenant("t1", ring.new_tenant_key("t1")))
    bound_to = place("outbox", "payload", "t1", "a")
    cell = keys.seal(b"words", bound_to)
    for i in range(len(cell)):
        with pytest.raises(CannotOpen):
            keys.open(cell[:i] + bytes((cell[i] ^ 1,)) + cell[i + 1 :], bound_to)
    for short in (b"", cell[:5], cell[:16], cell[:-1]):
        with pytest.raises(CannotOpen):
            keys.open(short, bound_to)


@pytest.mark.feature("SEC-18")
def test_nonces_are_fresh_and_come_from_where_they_are_asked_for() -> None:
    drawn: list[int] = []

    def random(n: int) -> bytes:
        drawn.append(n)
        return os.urandom(n)

    ring = Keyring([GOOD], random)
    keys = ring.row_keys(ring.tenant("t1", ring.new_tenant_key("t1")))
    cells = {keys.seal(b"same", b"place") for _ in range(100)}
    assert len(cells) == 100
    # The tenant's key and its nonce, then one nonce for each cell.
    assert drawn == [32, 12, *[12] * 100]


@pytest.mark.feature("SEC-37", "SEC-18")
def test_tenants_and_contacts_cannot_open_each_others_cells() -> None:
    ring = Keyring([GOOD])
    one, two = (ring.tenant(t, ring.new_tenant_key(t)) for t in ("t1", "t2"))
    contacts = [ring.row_keys(one, c, ring.new_contact_key(one, c)) for c in ("c1", "c2")]
    every = [ring.row_keys(one), ring.row_keys(two), *contacts]
    for sealing, opening in itertools.permutations(every, 2):
        cell = sealing.seal(b"words", b"place")
        if opening.contact is not None and sealing.contact is None and opening.tenant is sealing.tenant:
            # A row may have been sealed before its contact was known.
            assert opening.open(cell, b"place") == b"words"
            continue
        with pytest.raises(CannotOpen):
            opening.open(cell, b"place")
    with pytest.raises(CannotOpen):
        ring.row_keys(one, "c2", ring.new_contact_key(one, "c1"))
    with pytest.raises(CannotOpen):
        ring.tenant("t2", ring.new_tenant_key("t1"))


@pytest.mark.feature("SEC-56")
def test_without_the_contacts_key_nothing_of_theirs_opens() -> None:
    ring = Keyring([GOOD])
    tenant = ring.tenant("t1", ring.new_tenant_key("t1"))
    cell = ring.row_keys(tenant, "c1", ring.new_contact_key(tenant, "c1")).seal(b"words", b"place")
    with pytest.raises(CannotOpen, match="key is gone"):
        ring.row_keys(tenant, "c1", None).open(cell, b"place")


@pytest.mark.feature("SEC-18")
def test_a_new_master_key_takes_over_while_the_old_one_still_opens() -> None:
    old = Keyring([GOOD])
    wrapped = old.new_tenant_key("t1")
    cell = old.row_keys(old.tenant("t1", wrapped)).seal(b"words", b"place")
    both = Keyring([OTHER, GOOD])
    assert not both.is_current(wrapped)
    assert both.row_keys(both.tenant("t1", wrapped)).open(cell, b"place") == b"words"
    rewrapped = both.rewrap("t1", wrapped)
    assert both.is_current(rewrapped)
    new = Keyring([OTHER])
    assert new.row_keys(new.tenant("t1", rewrapped)).open(cell, b"place") == b"words"
    assert new.tenant("t1", rewrapped).digest_key == old.tenant("t1", wrapped).digest_key
    with pytest.raises(CannotOpen, match="master key that was not given"):
        new.tenant("t1", wrapped)
    with pytest.raises(CannotOpen):
        old.tenant("t1", rewrapped)


@pytest.mark.feature("SEC-17")
def test_the_digest_key_is_the_tenants_own_and_not_its_key() -> None:
    ring = Keyring([GOOD])
    one, two = (ring.tenant(t, ring.new_tenant_key(t)) for t in ("t1", "t2"))
    assert len(one.digest_key) == 32
    assert one.digest_key != two.digest_key


@pytest.mark.feature("SEC-20")
@pytest.mark.parametrize("show", [repr, str])
def test_no_key_can_be_printed(show: Callable[[object], str]) -> None:
    raw = os.urandom(32)
    ring = Keyring([raw])
    tenant = ring.tenant("t1", ring.new_tenant_key("t1"))
    shown = show(ring) + show(tenant) + show(ring.row_keys(tenant))
    for secret in (raw, tenant.digest_key):
        assert secret.hex() not in shown
        assert repr(secret) not in shown
