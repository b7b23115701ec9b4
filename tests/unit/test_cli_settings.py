"""Settings as the operator types them: every one can be shown, changed and refused, and the pages tell all of them."""

from __future__ import annotations

import base64
import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from bot.generate.settings import VARIABLES
from bot.settings import BadSetting, Settings, check_for_serving, read_settings
from channels.email.message import Server
from dialogs.settings import Limits, Retention, SettingsError, TenantSettings
from dialogs.tech_verify import Mode, Rules
from dialogs.user_verify import Policy
from storage.setting_spelling import TenantSetting, show_time
from storage.tenant_settings import SETTINGS, change

ROOT = Path(__file__).parents[2]
KEY = base64.b64encode(bytes(range(32))).decode()
GOOD = {
    "WATCHWORD_DATABASE_URL": "sqlite:////tmp/w.db",
    "WATCHWORD_MASTER_KEY": KEY,
    "WATCHWORD_PUBLIC_URL": "https://verify.example.com",
}


def test_every_setting_of_a_tenant_can_be_typed() -> None:
    """All but own wording, policies of single clients and the origins of the pod, which have pages of their own."""
    parts = {"": TenantSettings, "rules": Rules, "limits": Limits, "retention": Retention, "policy": Policy}
    declared = {(part, f.name) for part, of in parts.items() for f in fields(of)}
    elsewhere = {("", name) for name in (*parts, "texts", "client_policies", "pod_origins")}
    assert {(s.part, s.kept_as or s.name) for s in SETTINGS} | elsewhere == declared | {("", "")}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_what_is_shown_can_be_typed_again(setting: TenantSetting) -> None:
    name = setting.name
    before = change(TenantSettings(), {"phone": "+12125550100", "countries": "US,CA", "words": "prove:verify"})
    shown = setting.show(setting.value_in(before))
    assert change(before, {name: shown}) == before


@pytest.mark.feature("TV-04")
def test_changes_reach_their_place() -> None:
    changed = change(
        TenantSettings(),
        {
            "code_length": "8",
            "lifetime": "300s",
            "mode": "transfer",
            "require_claim": "no",
            "ticket_at_claim": "required",
            "ticket_logging": "ask",
            "countries": "us, ca,us",
            "unknown_sender": "silent",
            "phone": "+1 (212) 555-0100",
            "tenant_per_hour": "500",
            "words": "prove:verify,ok:confirm",
        },
    )
    assert changed.code_length == 8
    assert changed.rules.lifetime == timedelta(minutes=5)
    assert changed.rules.mode is Mode.TRANSFER
    assert not changed.rules.require_claim
    assert (changed.rules.ticket_at_claim, changed.rules.ticket_logging) == ("required", "ask")
    assert changed.countries == ("US", "CA")
    assert changed.unknown_sender == "silent"
    assert changed.phone == "+12125550100"
    assert changed.limits.tenant_per_hour == 500
    assert changed.words == {"prove": "verify", "ok": "confirm"}


@pytest.mark.feature("TV-04")
@pytest.mark.parametrize(
    ("name", "typed", "says"),
    [
        ("code_length", "5", "6 to 10"),
        ("code_length", "11", "6 to 10"),
        ("code_length", "-6", "6 to 10"),
        ("code_length", "six", "6 to 10"),
        ("lifetime", "11m", "1 to 10 minutes"),
        ("lifetime", "59s", "1 to 10 minutes"),
        ("lifetime", "10", "unit"),
        ("mode", "comparing", "compare or transfer"),
        ("require_claim", "maybe", "yes or no"),
        ("ticket_at_claim", "always", "optional or required"),
        ("max_wrong_codes", "6", "3 to 5"),
        ("alert_after", "1s", "5 seconds"),
        ("timezone", "Mars/Base", "Europe/Berlin"),
        ("locale", "xx", "one of"),
        ("countries", "US,XX", "XX"),
        ("phone", "5550100", "country code"),
        ("phone", "+1", "not a"),
        ("words", "stop:verify", "opting out"),
        ("words", "prove", "word:command"),
        ("announced_call_lasts", "2h", "1m to 1h"),
        ("resend_gap", "0s", "1s to 1h"),
        ("tenant_per_hour", "0", "1 or more"),
        ("prefix_answered_percent", "51", "1 to 50"),
        ("prefix_answered_percent", "-1", "0 to switch it off"),
        ("colour", "red", "code_length"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(name: str, typed: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        change(TenantSettings(), {name: typed})
    assert says in str(refused.value)
    assert name in str(refused.value) or name == "words"


def test_times_are_shown_in_their_largest_unit() -> None:
    assert [show_time(timedelta(seconds=s)) for s in (0, 20, 60, 90, 3600)] == ["0s", "20s", "1m", "90s", "1h"]


def test_the_page_tells_every_variable_that_is_read() -> None:
    source = (ROOT / "bot" / "settings.py").read_text("utf-8")
    read = set(re.findall(r"WATCHWORD_[A-Z_]+", source))
    read |= {f"{name}_FILE" for name in re.findall(r'_value\("(\w+)"', source)}
    assert {variable.name for variable in VARIABLES} == read


@pytest.mark.feature("SEC-19")
@pytest.mark.parametrize(
    ("change_", "says"),
    [
        ({"WATCHWORD_DATABASE_URL": "mysql://u@h/d"}, "must name a SQLite file"),
        ({"WATCHWORD_DATABASE_URL": "postgresql://host/name"}, "postgresql://watchword:PASSWORD@HOST"),
        ({"WATCHWORD_DATABASE_URL": "postgresql://u@host:port/name"}, "postgresql://watchword:PASSWORD@HOST"),
        ({"WATCHWORD_DATABASE_URL": "postgresql://u@host/"}, "postgresql://watchword:PASSWORD@HOST"),
        ({"WATCHWORD_DATABASE_URL_FILE": "/nowhere/url"}, "both set"),
        ({"WATCHWORD_OWNER_DATABASE_URL": "postgresql://o@host/name"}, "Leave it away for SQLite"),
        ({"WATCHWORD_REDIS_URL": "http://cache"}, "redis://"),
        ({"WATCHWORD_CHECKPOINT_WEBHOOK": "witness.example.com"}, "WATCHWORD_CHECKPOINT_WEBHOOK"),
        ({"WATCHWORD_METRICS_TOKEN": "secret"}, "short enough to guess"),
        ({"WATCHWORD_PRIVATE_TARGETS": "10.0.0.0/33"}, "WATCHWORD_PRIVATE_TARGETS: '10.0.0.0/33'"),
        ({"WATCHWORD_PRIVATE_TARGETS": "10.0.0.5/16"}, "host bits set"),
        ({"WATCHWORD_PRIVATE_TARGETS": "intranet"}, "address/bits"),
        ({"WATCHWORD_MAIL_URL": "smtp://h"}, "go together"),
        ({"WATCHWORD_MAIL_FROM": "a@b.example"}, "go together"),
        ({"WATCHWORD_MAIL_URL": "http://h", "WATCHWORD_MAIL_FROM": "a@b.example"}, "smtps://login:password@host:465"),
        ({"WATCHWORD_MAIL_URL": "smtp://h:x", "WATCHWORD_MAIL_FROM": "a@b.example"}, "STARTTLS"),
        ({"WATCHWORD_MAIL_URL": "smtp://", "WATCHWORD_MAIL_FROM": "a@b.example"}, "STARTTLS"),
        ({"WATCHWORD_MAIL_URL": "smtp://h", "WATCHWORD_MAIL_FROM": "Desk <desk>"}, "WATCHWORD_MAIL_FROM must be"),
        ({"WATCHWORD_MASTER_KEY": ""}, "WATCHWORD_MASTER_KEY is not set"),
        ({"WATCHWORD_MASTER_KEY": base64.b64encode(bytes(31)).decode()}, "31 bytes"),
        ({"WATCHWORD_MASTER_KEY": "00" * 32}, "pattern"),
        ({"WATCHWORD_MASTER_KEY": "ab" * 32}, "pattern"),
        ({"WATCHWORD_MASTER_KEY": "changeme"}, "needs 32"),
        ({"WATCHWORD_MASTER_KEY_FILE": "/nowhere"}, "both set"),
        ({"WATCHWORD_MASTER_KEY": "", "WATCHWORD_MASTER_KEY_FILE": "/nowhere/key"}, "cannot be read"),
        ({"WATCHWORD_DATABASE_URL": ""}, "WATCHWORD_DATABASE_URL is not set"),
        ({"WATCHWORD_DATABASE_URL": "sqlite:///:memory:"}, "must name a SQLite file"),
        ({"WATCHWORD_PUBLIC_URL": ""}, "WATCHWORD_PUBLIC_URL is not set"),
        ({"WATCHWORD_PUBLIC_URL": "http://verify.example.com"}, "https://"),
        ({"WATCHWORD_PUBLIC_URL": "https://verify.example.com/watchword"}, "without a path"),
        ({"WATCHWORD_TWILIO_URL": "ftp://carrier"}, "WATCHWORD_TWILIO_URL"),
        ({"WATCHWORD_TWILIO_LOOKUPS_URL": "ftp://carrier"}, "WATCHWORD_TWILIO_LOOKUPS_URL"),
        ({"WATCHWORD_GRAPH_URL": "graph.example"}, "WATCHWORD_GRAPH_URL must be"),
        ({"WATCHWORD_ENTRA_URL": "ldap://entra"}, "WATCHWORD_ENTRA_URL must be"),
    ],
)
def test_the_start_is_refused_with_a_remedy(change_: dict[str, str], says: str) -> None:
    with pytest.raises(BadSetting) as refused:
        check_for_serving(read_settings(GOOD | change_))
    assert says in str(refused.value)


@pytest.mark.feature("SEC-19")
def test_plain_http_is_not_served_to_the_network() -> None:
    with pytest.raises(BadSetting, match="--behind-tls-proxy"):
        check_for_serving(read_settings(GOOD, host="0.0.0.0"))  # noqa: S104  that is what is refused
    check_for_serving(read_settings(GOOD, host="0.0.0.0", behind_tls_proxy=True))  # noqa: S104
    check_for_serving(read_settings(GOOD))


@pytest.mark.feature("OM-01", "SEC-20")
def test_the_operators_mail_server_is_read() -> None:
    mail = {
        "WATCHWORD_MAIL_URL": "smtps://d%40k:p%3Aw@mail.example",
        "WATCHWORD_MAIL_FROM": "Help desk <desk@k.example>",
    }
    settings = read_settings(GOOD | mail | {"WATCHWORD_WORKFLOW_HOSTS": ".Logic.azure.cn, flows.example"})
    assert settings.mail == Server(
        "mail.example", 465, "tls", "d@k", "p:w", "desk@k.example", "Help desk", trusted=True
    )
    assert "p:w" not in repr(settings)
    assert settings.workflow_hosts == (".logic.azure.cn", "flows.example")
    plain = read_settings(GOOD | mail | {"WATCHWORD_MAIL_URL": "smtp://mail.example:2525"}).mail
    assert plain is not None
    assert (plain.port, plain.security, plain.login) == (2525, "starttls", "")


def test_where_microsoft_is_can_be_replaced() -> None:
    national = {
        "WATCHWORD_GRAPH_URL": "https://graph.microsoft.us/",
        "WATCHWORD_ENTRA_URL": "https://login.microsoftonline.us",
    }
    settings = read_settings(GOOD | national)
    assert (settings.graph_url, settings.entra_url) == (
        "https://graph.microsoft.us",
        "https://login.microsoftonline.us",
    )


def test_the_master_key_shows_in_no_record() -> None:
    settings = read_settings(GOOD)
    assert isinstance(settings, Settings)
    assert repr(settings.master_key) not in repr(settings)


POSTGRES = GOOD | {"WATCHWORD_DATABASE_URL": "postgresql://serves:p%40ss@db.example.com/watch"}


def test_a_postgresql_database_is_called_by_host_and_name_and_never_by_its_password() -> None:
    settings = read_settings(POSTGRES)
    assert not settings.is_sqlite
    assert settings.database_name == "watch on db.example.com:5432"
    assert settings.app_role == ""
    assert settings.checkpoints_file is None
    assert "p%40ss" not in repr(settings)


def test_the_role_that_serves_is_known_where_another_owns_the_tables() -> None:
    owner = "postgresql://owns:secret@db.example.com/watch"
    settings = read_settings(POSTGRES | {"WATCHWORD_OWNER_DATABASE_URL": owner})
    assert (settings.owner_database_url, settings.app_role) == (owner, "serves")
    assert "secret" not in repr(settings)
    with pytest.raises(BadSetting, match="another database"):
        read_settings(POSTGRES | {"WATCHWORD_OWNER_DATABASE_URL": "postgresql://owns@db.example.com/other"})


def test_checkpoints_lie_beside_a_sqlite_file_unless_told_otherwise() -> None:
    assert read_settings(GOOD).checkpoints_file == Path(
        GOOD["WATCHWORD_DATABASE_URL"].removeprefix("sqlite:///") + ".checkpoints"
    )
    named = read_settings(GOOD | {"WATCHWORD_CHECKPOINTS_FILE": "/mnt/apart/heads"})
    assert named.checkpoints_file == Path("/mnt/apart/heads")


def test_an_address_with_a_password_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(POSTGRES["WATCHWORD_DATABASE_URL"] + "\n")
    given = {name: value for name, value in POSTGRES.items() if name != "WATCHWORD_DATABASE_URL"}
    assert read_settings(given | {"WATCHWORD_DATABASE_URL_FILE": str(file)}) == read_settings(POSTGRES)


@pytest.mark.feature("SEC-19", "SEC-20")
@pytest.mark.parametrize(
    "name", ["WATCHWORD_REDIS_URL", "WATCHWORD_CHECKPOINT_WEBHOOK", "WATCHWORD_PUBLIC_URL", "WATCHWORD_TWILIO_URL"]
)
@pytest.mark.parametrize("rest", ["[canary@host:6379/0", "u:canary/x@host:6379/0", "u:canary[x@host/0"])
def test_an_address_that_is_none_is_refused_by_name_and_not_repeated(name: str, rest: str) -> None:
    """A password with a character that means something in an address is the usual reason."""
    scheme = "redis" if name == "WATCHWORD_REDIS_URL" else "https"
    with pytest.raises(BadSetting, match=name) as refused:
        check_for_serving(read_settings({**GOOD, name: f"{scheme}://{rest}"}))
    assert "canary" not in str(refused.value)
    assert refused.value.__suppress_context__
