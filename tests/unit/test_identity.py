"""Passwords, one-time passwords, recovery codes, log-ins and throttling, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import recovery, throttle, totp
from identity.enrolment import enrol
from identity.passwords import Cost, Passwords, WeakPassword, check_password
from identity.sessions import (
    address_block,
    address_key,
    browser_family,
    is_elsewhere,
    is_fresh,
    is_over,
    token_digest,
)
from tests.fixtures.stand_ins import SeededRandomness

NOW = datetime(2026, 3, 2, 9, 0, 10, tzinfo=UTC)
CHEAP = Cost(memory_kib=64, passes=1)
GOOD = "plum kettle orbit lantern"

# --- passwords


@pytest.mark.feature("SEC-33")
@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("fourteen chars", "at least 15"),
        ("x" * 129, "at most 128"),
        ("my dana login words", "login or name"),
        ("long BISHOP sentence", "login or name"),
        ("aaaaaaaaaaaaaaaa", "repeats"),
        ("correcthorsecorrecthorse", "repeats"),
        ("abcdefghijklmnopq", "row of keys"),
        ("98765432109876543", "row of keys"),
        ("qwertyuiopasdfghjkl", "row of keys"),
        ("password-password-1", "well-known"),
        ("Watchword2026!!", "well-known"),
    ],
)
def test_weak_passwords_are_refused_with_a_reason(password: str, says: str) -> None:
    with pytest.raises(WeakPassword, match=says):
        check_password(password, login="dana@msp.example", name="Dana Bishop")


@pytest.mark.parametrize(
    "password", [GOOD, "Zwölf Boxkämpfer jagen Viktor", "9T!kq0#vLm2@xRz", "日本語のとても長いパスワードですよ"]
)
def test_good_passwords_pass(password: str) -> None:
    check_password(password, login="al@msp.example", name="Al Bo")


@pytest.mark.feature("SEC-33")
async def test_passwords_are_hashed_with_argon2id_at_the_stated_cost() -> None:
    passwords = Passwords()
    stored = await passwords.hash(GOOD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify(stored, GOOD)
    assert not await passwords.verify(stored, GOOD + "x")
    assert not passwords.needs_rehash(stored)
    assert Passwords(CHEAP).needs_rehash(stored)


async def test_nobody_has_a_password_and_broken_hashes_never_match() -> None:
    passwords = Passwords(CHEAP)
    assert not await passwords.verify(None, "nobody has this password")
    assert not await passwords.verify("", GOOD)
    assert not await passwords.verify("$argon2id$broken", GOOD)
    assert not await passwords.verify(await passwords.hash("x" * 129), "x" * 129)
    assert not await passwords.verify(await passwords.hash(GOOD), "\ud800" * 20)


async def test_one_password_typed_on_two_keyboards_is_one_password() -> None:
    passwords = Passwords(CHEAP)
    assert await passwords.verify(await passwords.hash("Zwo\u0308lf Boxkampfer"), "Zw\u00f6lf Boxkampfer")


# --- one-time passwords


@pytest.mark.feature("SEC-33")
def test_a_code_is_good_for_its_step_and_the_neighbours_and_only_once() -> None:
    secret = totp.new_secret(SeededRandomness())
    step = int(NOW.timestamp()) // 30
    for away, fits in ((-2, None), (-1, step - 1), (0, step), (1, step + 1), (2, None)):
        typed = pyotp.TOTP(secret).generate_otp(step + away)
        assert totp.verify(secret, typed, NOW, last_step=0) == fits
    now = totp.code_at(secret, NOW)
    assert totp.verify(secret, now, NOW, last_step=step) is None
    assert totp.verify(secret, now, NOW, last_step=step - 1) == step
    assert totp.verify(secret, f" {now[:3]} {now[3:]} ", NOW, last_step=0) == step


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "-12345"])
def test_what_is_no_code_is_wrong(typed: str) -> None:
    assert totp.verify("A" * 32, typed, NOW, last_step=0) is None


def test_the_qr_code_is_one_svg_element_that_needs_no_style() -> None:
    secret = totp.new_secret(SeededRandomness())
    uri = totp.provisioning_uri(secret, login="dana@msp.example", issuer="Bright & Co")
    parsed = pyotp.parse_uri(uri)
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.name, parsed.issuer) == (secret, "dana@msp.example", "Bright & Co")
    svg = totp.qr_svg(uri)
    assert svg.startswith("<svg")
    assert svg.endswith("</svg>")
    assert svg.count("<svg") == 1
    assert "style" not in svg
    assert secret not in svg


# --- recovery codes


@pytest.mark.feature("SEC-33")
def test_ten_recovery_codes_of_eighty_bits_that_forgive_how_they_are_typed() -> None:
    codes = recovery.new_codes(SeededRandomness())
    assert len(set(codes)) == 10
    assert all(len(code.replace("-", "")) * 5 == 80 for code in codes)
    right = recovery.digest("t1", codes[0])
    assert right is not None
    assert codes[0] not in right
    assert recovery.digest("t1", codes[0].upper().replace("-", " ")) == right
    assert recovery.digest("t1", codes[0].replace("0", "O").replace("1", "l")) == right
    assert recovery.digest("t2", codes[0]) != right
    assert recovery.digest("t1", codes[1]) != right
    assert recovery.digest("t1", "123456") is None
    assert recovery.digest("t1", "u" * 16) is None


async def test_an_enrolment_hangs_together() -> None:
    passwords = Passwords(CHEAP)
    made = await enrol(
        passwords, SeededRandomness(), technician_id="t", login="d@x.example", name="D", password=GOOD, issuer="MSP"
    )
    assert await passwords.verify(made.password_hash, GOOD)
    assert made.totp_secret in made.totp_uri
    assert tuple(recovery.digest("t", code) for code in made.recovery_codes) == made.recovery_digests
    assert made.totp_secret not in repr(made)
    with pytest.raises(WeakPassword):
        await enrol(
            passwords, SeededRandomness(), technician_id="t", login="d@x.example", name="D", password="x", issuer="MSP"
        )


# --- log-ins


@dataclass(frozen=True)
class ALogIn:
    role: str = "technician"
    kind: str = "cookie"
    last_seen_at: datetime = NOW
    expires_at: datetime = NOW + timedelta(hours=12)
    proven_at: datetime = NOW
    revoked_at: datetime | None = None
    address_block: str = "192.0.2.0/24"
    browser: str = "firefox"


@pytest.mark.feature("SEC-33")
def test_a_log_in_ends_by_idleness_age_or_revocation() -> None:
    minute, second = timedelta(minutes=1), timedelta(seconds=1)
    assert not is_over(ALogIn(), NOW + 30 * minute - second)
    assert is_over(ALogIn(), NOW + 30 * minute)
    assert not is_over(ALogIn(role="admin"), NOW + 15 * minute - second)
    assert is_over(ALogIn(role="admin"), NOW + 15 * minute)
    for role in ("technician", "admin"):
        assert not is_over(ALogIn(role, "pod"), NOW + 60 * minute - second)
        assert is_over(ALogIn(role, "pod"), NOW + 60 * minute)
    late = NOW + timedelta(hours=12)
    assert not is_over(ALogIn(last_seen_at=late - minute), late - second)
    assert is_over(ALogIn(last_seen_at=late - minute), late)
    assert is_over(ALogIn(revoked_at=NOW), NOW)


@pytest.mark.feature("SEC-34")
def test_risky_acts_need_a_proof_of_the_last_five_minutes() -> None:
    assert is_fresh(ALogIn(), NOW + timedelta(seconds=300))
    assert not is_fresh(ALogIn(), NOW + timedelta(seconds=301))


@pytest.mark.feature("SEC-34")
def test_a_token_used_from_another_network_or_browser_is_noticed() -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
    assert not is_elsewhere(ALogIn(), "192.0.2.77", firefox)
    assert not is_elsewhere(ALogIn(), "::ffff:192.0.2.77", firefox.replace("140", "141"))
    assert is_elsewhere(ALogIn(), "192.0.3.77", firefox)
    assert is_elsewhere(ALogIn(), "192.0.2.77", chrome)
    assert not is_elsewhere(ALogIn(browser=""), "192.0.2.77", "our-script/2")
    assert browser_family(chrome + " Edg/140.0") == "edge"
    assert browser_family("") == "other"


def test_networks() -> None:
    assert address_block("203.0.113.9") == "203.0.113.0/24"
    assert address_block("2001:db8:1:2:3::4") == "2001:db8:1::/48"
    assert address_block("fe80::1%eth0") == "fe80::/48"
    assert address_block("not an address") == ""
    assert address_key("203.0.113.9") == "203.0.113.9/32"
    assert address_key("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"


def test_a_token_is_stored_as_a_digest() -> None:
    assert len(token_digest("token")) == 64
    assert "token" not in token_digest("token")


# --- throttling


def tries(n: int, start: datetime = NOW, every: timedelta = timedelta(seconds=1)) -> list[datetime]:
    return [start + every * i for i in range(n)]


@pytest.mark.feature("SEC-33", "Y-01")
def test_ten_failures_close_an_account_for_longer_each_time() -> None:
    first = tries(10)
    assert throttle.not_before(first[:9], [], first[8]) is None
    opens = throttle.not_before(first, [], first[9])
    assert opens == first[9] + timedelta(minutes=15)
    assert throttle.not_before(first, [], opens) is None
    failures, delays = first, []
    for _ in range(3):
        more = tries(10, failures[-1] + timedelta(hours=1))
        failures = failures + more
        opens = throttle.not_before(failures, [], more[-1])
        assert opens is not None
        delays.append(opens - more[-1])
    assert delays == [timedelta(minutes=30), timedelta(minutes=60), timedelta(minutes=60)]


def test_slow_failures_close_nothing_and_a_day_is_forgiven() -> None:
    slow = tries(40, every=timedelta(minutes=2))
    assert throttle.not_before(slow, [], slow[-1]) is None
    old = tries(10, NOW - timedelta(hours=25))
    again = tries(10)
    assert throttle.not_before(old + again, [], again[-1]) == again[-1] + timedelta(minutes=15)


@pytest.mark.feature("SEC-33")
def test_fifty_failures_in_an_hour_close_an_address() -> None:
    failures = tries(50, every=timedelta(seconds=60))
    assert throttle.not_before([], failures[:49], failures[48]) is None
    assert throttle.not_before([], failures, failures[49]) == failures[0] + timedelta(hours=1)
    assert throttle.not_before([], failures, failures[0] + timedelta(hours=1)) is None
    assert throttle.not_before(failures[40:], failures, failures[49]) == failures[49] + timedelta(minutes=15)


@given(st.lists(st.integers(0, 86_400), max_size=80), st.integers(0, 90_000))
def test_throttling_never_looks_back_in_time_nor_waits_more_than_an_hour(seconds: list[int], at: int) -> None:
    failures = [NOW + timedelta(seconds=s) for s in seconds]
    now = NOW + timedelta(seconds=at)
    opens = throttle.not_before(failures, failures, now)
    assert opens is None or now < opens <= now + timedelta(hours=1)
    assert opens == throttle.not_before(failures[::-1], failures[::-1], now)
