"""What a tenant may set for the verification of end users, at its bounds, and what each strength is good for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dialogs.settings import SettingsError, TenantSettings, check_settings
from dialogs.user_verify import DEFAULT_ORDER, METHODS, Action, Assurance, Method, Policy

MINUTE, HAIR = timedelta(minutes=1), timedelta(seconds=1)


@pytest.mark.feature("VP-06", "SEC-09")
def test_the_default_policy_passes_and_trusts_nobody() -> None:
    check_settings(TenantSettings())
    assert Policy().good_for(Assurance.VERBAL) == ()
    assert Policy().note_required


@pytest.mark.feature("EV-22", "EV-28", "EV-30", "VP-01", "SEC-15")
@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        *((name, MINUTE - HAIR, False) for name in ("code_lifetime", "link_lifetime", "green_for")),
        *((name, MINUTE, True) for name in ("code_lifetime", "link_lifetime", "green_for")),
        *((name, 10 * MINUTE, True) for name in ("code_lifetime", "link_lifetime")),
        *((name, 10 * MINUTE + HAIR, False) for name in ("code_lifetime", "link_lifetime")),
        ("green_for", timedelta(hours=24), True),
        ("green_for", timedelta(hours=24) + HAIR, False),
        ("max_wrong_codes", 2, False),
        ("max_wrong_codes", 3, True),
        ("max_wrong_codes", 5, True),
        ("max_wrong_codes", 6, False),
        ("history_length", 0, False),
        ("history_length", 1, True),
        ("history_length", 200, True),
        ("history_length", 201, False),
        ("methods", (), False),
        ("methods", (Method.SMS_CODE,), True),
        ("methods", (Method.SMS_CODE, Method.SMS_CODE), False),
        ("banner", "x" * 300, True),
        ("banner", "x" * 301, False),
        ("banner", "two\nlines", False),
        ("banner", "hidden\u200b", False),
        ("info_needs", Assurance.VERBAL, False),
        ("standard_needs", Assurance.VERBAL, False),
        ("standard_needs", Assurance.EMAIL, True),
        *(("high_needs", a, a in (Assurance.APP, Assurance.PASSKEY)) for a in Assurance),
    ],
)
@pytest.mark.parametrize("whose", ["tenant", "client"])
def test_bounds(name: str, value: Any, allowed: bool, whose: str) -> None:
    policy = replace(Policy(), **{name: value})
    settings = TenantSettings(policy=policy) if whose == "tenant" else TenantSettings(client_policies={"c": policy})
    if allowed:
        check_settings(settings)
    else:
        with pytest.raises(SettingsError, match=name):
            check_settings(settings)


@pytest.mark.feature("SEC-09")
@pytest.mark.parametrize(
    ("assurance", "good_for"),
    [
        (Assurance.VERBAL, ()),
        (Assurance.EMAIL, (Action.INFO,)),
        (Assurance.TAP, (Action.INFO, Action.STANDARD)),
        (Assurance.CODE, (Action.INFO, Action.STANDARD)),
        (Assurance.APP, (Action.INFO, Action.STANDARD, Action.HIGH)),
        (Assurance.PASSKEY, (Action.INFO, Action.STANDARD, Action.HIGH)),
    ],
)
def test_what_a_strength_is_good_for(assurance: Assurance, good_for: tuple[Action, ...]) -> None:
    assert Policy().good_for(assurance) == good_for


@pytest.mark.feature("VP-01")
def test_a_client_has_its_own_policy_or_the_tenants() -> None:
    own = Policy(banner="Ask for the badge number")
    settings = TenantSettings(policy=Policy(history_length=5), client_policies={"a": own})
    assert settings.policy_of("a") is own
    assert settings.policy_of("b").history_length == 5


@pytest.mark.feature("EV-16")
def test_every_method_is_offered_the_strong_ones_first_and_a_call_last() -> None:
    assert set(DEFAULT_ORDER) == set(Method)
    assert len(DEFAULT_ORDER) == len(METHODS)
    strengths = [METHODS[m].assurance.strength for m in DEFAULT_ORDER[:2]]
    assert strengths == sorted(strengths, reverse=True)
    assert DEFAULT_ORDER[-1] is Method.VOICE_CALL
    assert METHODS[Method.VOICE_CALL].kinds[0] == "phone", "a landline before a mobile"


@pytest.mark.feature("SEC-06")
def test_only_what_an_impostor_cannot_read_off_a_phone_ignores_the_interlock() -> None:
    free = {m for m, facts in METHODS.items() if not facts.interlocked}
    assert free == {
        Method.PORTAL_CONFIRM,
        Method.PORTAL_SMS_CODE,
        Method.DUO_PUSH,
        Method.AUTHENTICATOR_PUSH,
        Method.PASSKEY,
    }
