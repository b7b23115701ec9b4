"""A tenant's settings inside their bounds, and refused outside with a word on what is allowed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialogs.grammar import Command
from dialogs.settings import Limits, SettingsError, TenantSettings, check_settings
from dialogs.tech_verify import Rules
from dialogs.texts import LANGUAGES


def test_the_defaults_are_allowed_and_are_the_documented_ones() -> None:
    check_settings(TenantSettings())
    assert TenantSettings().code_length == 6
    assert Rules().lifetime == timedelta(minutes=10)
    assert Rules().max_wrong_codes == 5
    assert Rules().require_claim
    assert (Limits().verify_per_10_min, Limits().verify_per_24_h) == (3, 10)


@pytest.mark.feature("TV-04")
@pytest.mark.parametrize("length", range(6, 11))
def test_codes_of_six_to_ten_digits(length: int) -> None:
    check_settings(TenantSettings(code_length=length))


@pytest.mark.feature("TV-04")
@pytest.mark.parametrize("length", [0, 4, 5, 11])
def test_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(SettingsError, match="choose 6 to 10 digits"):
        check_settings(TenantSettings(code_length=length))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (TenantSettings(rules=Rules(lifetime=timedelta(minutes=11))), "choose 1 to 10 minutes"),
        (TenantSettings(rules=Rules(lifetime=timedelta(seconds=59))), "choose 1 to 10 minutes"),
        (TenantSettings(rules=Rules(max_wrong_codes=2)), "choose 3 to 5"),
        (TenantSettings(rules=Rules(max_wrong_codes=6)), "choose 3 to 5"),
        (TenantSettings(rules=Rules(alert_after=timedelta(0))), "choose 5 seconds up to the lifetime"),
        (TenantSettings(limits=Limits(prefix_per_hour=0)), "prefix_per_hour is 0; choose 1 or more"),
        (TenantSettings(limits=Limits(prefix_answered_percent=51)), "prefix_answered_percent is 51; choose 1 to 50"),
        (TenantSettings(limits=Limits(prefix_answered_percent=-1)), "0 to switch it off"),
        (TenantSettings(timezone="Mars/Olympus"), "choose a name such as Europe/Berlin"),
        (TenantSettings(timezone="../etc/passwd"), "choose a name such as Europe/Berlin"),
    ],
)
def test_bounds(settings: TenantSettings, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        check_settings(settings)


@pytest.mark.parametrize("word", ["prüfen", "das bin ich nicht", "ok1"])
def test_own_words(word: str) -> None:
    check_settings(TenantSettings(words={word: "confirm"}))


@pytest.mark.feature("SEC-40")
@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("", "begin with a letter"), ("#ok", "hold no #"), ("Prüfen", "lower case"), ("482913", "begin with a letter"),
        (" ok", "lower case"), ("end", "opting out"), ("help", "opting out"), ("start", "opting out"),
        ("deny", "works already"),
    ],
)  # fmt: skip
def test_words_that_would_do_harm_are_refused(word: str, says: str) -> None:
    words: dict[str, Command] = {word: "confirm"}
    with pytest.raises(SettingsError, match=says):
        check_settings(TenantSettings(words=words))


@pytest.mark.feature("SEC-05")
def test_own_wording_keeps_its_locked_sentences() -> None:
    body = LANGUAGES["en"].templates["tv.code"].body
    check_settings(TenantSettings(texts={"tv.code": body.replace("Same code?", "Is it the same?")}))
    with pytest.raises(SettingsError, match=r"tv\.code: Keep this sentence word for word"):
        check_settings(TenantSettings(texts={"tv.code": body.replace("never read it out", "read it out")}))
