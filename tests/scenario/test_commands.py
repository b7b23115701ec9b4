"""The operator sets an installation up from nothing, gets things wrong on the way, and is told what to do each time."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, create_engine, text
from typer.testing import CliRunner

from bot.cli import app
from bot.clock import SystemClock, SystemRandom
from bot.commands.operator import Operator, opened
from bot.settings import read_settings
from identity.passwords import Passwords
from identity.sign_in import LogInGranted, Origin, Proof, SignIn
from identity.totp import code_at
from storage.accounts import Accounts
from storage.log import Log, LogRow
from storage.postgres.connecting import run_once
from storage.sealed.sequencer import Sequencer
from tests.fixtures.postgres import Cluster, Place

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery staple"
ACCOUNT = "AC" + "0a" * 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell with the environment of one installation."""

    environment: dict[str, str]
    #: A superuser's URL of a database on a server.
    admin: str = ""
    runner: CliRunner = field(default_factory=CliRunner)

    def __call__(self, *words: str, typed: str = "") -> Done:
        """Run a command; an exception that nobody turned into a sentence is raised here."""
        result = self.runner.invoke(app, list(words), input=typed, env=self.environment, catch_exceptions=False)
        return Done(result.exit_code, result.stdout, result.stderr)

    def well(self, *words: str, typed: str = "") -> str:
        done = self(*words, typed=typed)
        assert done.code == 0, done
        return done.out

    def inside(self, look: Callable[[Operator], Awaitable[T]]) -> T:
        """Look at what is stored."""

        async def whole() -> T:
            async with opened(read_settings(self.environment)) as operator:
                return await look(operator)

        return asyncio.run(whole())

    def log(self) -> list[LogRow]:
        """The log of the first tenant, oldest first."""

        async def read(operator: Operator) -> list[LogRow]:
            if not operator.settings.is_sqlite:
                # A server that runs does this moments after each commit.
                sequencer = Sequencer(operator.settings.database_url)
                await sequencer.place()
                await sequencer.close()
            (tenant, *_) = await operator.tenants.all()
            return list((await Log(operator.database).after(tenant.id)).items)

        return self.inside(read)

    def sql(self, statement: str, **values: object) -> list[Any]:
        """Do something to the stored rows that no command does; the rows it answers."""

        def work(connection: Connection) -> list[Any]:
            done = connection.execute(text(statement), values)
            return list(done.all()) if done.returns_rows else []

        if self.admin:
            return run_once(self.admin, work)
        engine = create_engine(self.environment["WATCHWORD_DATABASE_URL"])
        with engine.begin() as connection:
            found = work(connection)
        engine.dispose()
        return found

    @property
    def is_sqlite(self) -> bool:
        return not self.admin


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, made once."""
    path = tmp_path_factory.mktemp("made") / "watchword.db"
    assert shell_for(path)("migrate").code == 0
    return path


@pytest.fixture
def shell(migrated: Path, tmp_path: Path, cluster: Cluster | None) -> Shell:
    """An installation without a tenant, in a file and on a server."""
    if cluster is not None:
        return shell_on(asyncio.run(cluster.migrated()))
    path = tmp_path / "watchword.db"
    shutil.copy(migrated, path)
    path.chmod(0o600)
    return shell_for(path)


@pytest.fixture
def in_file(migrated: Path, tmp_path: Path) -> Shell:
    """One in a file, for what no database has a part in."""
    return shell_for(Path(shutil.copy(migrated, tmp_path / "watchword.db")))


@pytest.fixture
def acme(shell: Shell) -> Shell:
    """An installation with one tenant."""
    shell.well("tenant", "add", "acme", "--name", "Acme Support", "--set", "phone=+12125550100")
    return shell


@pytest.fixture(autouse=True)
def _few_descriptors() -> Iterator[None]:
    """Every command must close what it opened."""
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    yield
    after = len(os.listdir("/proc/self/fd")) if before else 0
    assert after <= before + 3


_ALWAYS = {
    "WATCHWORD_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
    "WATCHWORD_PUBLIC_URL": "https://verify.example.com",
}


def shell_for(path: Path) -> Shell:
    return Shell({"WATCHWORD_DATABASE_URL": f"sqlite:///{path}", **_ALWAYS})


def shell_on(place: Place) -> Shell:
    urls = {"WATCHWORD_DATABASE_URL": place.app, "WATCHWORD_OWNER_DATABASE_URL": place.owner}
    return Shell({**urls, **_ALWAYS}, place.admin)


@pytest.mark.feature("SI-01")
def test_from_nothing_to_a_first_sign_in(tmp_path: Path, cluster: Cluster | None) -> None:
    path = tmp_path / "watchword.db"
    shell = shell_for(path) if cluster is None else shell_on(asyncio.run(cluster.empty()))
    assert "watchword tenant add" in shell.well("migrate")
    assert cluster is not None or path.stat().st_mode & 0o777 == 0o600
    assert "up to date" in shell.well("migrate")
    shell.well("tenant", "add", "acme", "--name", "Acme Support", "--set", "phone=+12125550100")
    told = shell.well(
        *("user", "add", "Dana@Example.com", "--name", "Dana Reyes", "--role", "admin", "--supervisor"),
        typed=f"{PASSWORD}\n{PASSWORD}\n",
    )
    assert PASSWORD not in told
    secret = re.search(r"Secret: +([A-Z2-7]{32})\n", told)
    recovery = re.findall(r"^  ([0-9a-z]{4}(?:-[0-9a-z]{4}){3})$", told, re.MULTILINE)
    assert secret
    assert len(recovery) == 10
    assert f"secret={secret[1]}" in told
    code = code_at(secret[1], datetime.now(UTC))
    assert isinstance(shell.inside(lambda o: sign_in(o, "dana@example.com", PASSWORD, code)), LogInGranted)
    assert isinstance(shell.inside(lambda o: sign_in(o, "dana@example.com", PASSWORD, recovery[3])), LogInGranted)
    assert "dana@example.com  Dana Reyes  supervisor admin  on duty" in shell.well("user", "list")


async def sign_in(operator: Operator, login: str, password: str, code: str) -> object:
    accounts = Accounts(operator.database, operator.keyring)
    return await SignIn(accounts, Passwords(), SystemClock(), SystemRandom()).log_in(
        login, Proof(password, code), Origin("192.0.2.1")
    )


def test_a_password_can_be_made_up(acme: Shell) -> None:
    told = acme.well("user", "add", "theo@example.com", "--name", "Theo Brandt", typed="\n")
    made_up = re.search(r"Password: +(\S+)\n", told)
    secret = re.search(r"Secret: +(\S+)\n", told)
    assert made_up
    assert secret
    code = code_at(secret[1], datetime.now(UTC))
    assert isinstance(acme.inside(lambda o: sign_in(o, "theo@example.com", made_up[1], code)), LogInGranted)


def test_what_is_wrong_with_a_new_user_is_said(acme: Shell, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    add = ("user", "add", "dana@example.com", "--name", "Dana Reyes", "--password-file", str(file))
    acme.well(*add)
    for done, says in (
        (acme(*add), "There is a login"),
        (acme(*add[:2], "theo@example.com", *add[3:-2], typed="short\nshort\n"), "at least 15"),
        (acme(*add[:2], "theo@example.com", *add[3:-2], typed=f"{PASSWORD}\nanother one\n"), "differ"),
        (acme(*add[:2], "theo@example.com", *add[3:-1], str(tmp_path / "none")), "cannot be read"),
        (acme(*add, "--mobile", "555"), "--mobile 555"),
        (acme("user", "disable", "nobody@example.com"), "Nobody in acme"),
        (acme("user", "enable", "dana@example.com"), "not disabled"),
    ):
        assert done.code == 2
        assert says in done.err
        assert done.err.startswith("watchword: ")
    assert [row.kind for row in acme.log()] == ["operator.tenant_added", "operator.user_added"]


@pytest.mark.feature("SI-09", "SI-02")
def test_an_invitation_by_the_operator(acme: Shell) -> None:
    acme.well("tenant", "set", "invited_role=admin")
    invite = ("user", "invite", "Noor@example.com", "--name", "Noor Haas", "--no-use-mfa", "--no-ui-access")
    first = re.search(r"/welcome/([\w-]{43,})\n", acme.well(*invite, "--email", "n@example.com"))
    listed = acme.well("user", "list")
    assert re.search(r"noor@example.com +Noor Haas +admin +invited +new browser +pod", listed), listed
    again = re.search(r"/welcome/([\w-]{43,})\n", acme.well(*invite))
    assert first
    assert again
    assert first[1] != again[1]
    for done, says in (
        (acme(*invite[:3], "--name", "Noor", "--email", "nowhere"), "--email nowhere"),
        (acme("user", "invite", "two words", "--name", "X"), "watchword user invite"),
    ):
        assert done.code == 2
        assert says in done.err
    acme.well("user", "add", "dana@example.com", "--name", "Dana Reyes", typed="\n")
    assert "no invitation" in acme("user", "invite", "dana@example.com", "--name", "Dana").err
    kinds = [row.kind for row in acme.log() if row.kind.startswith("operator.user")]
    assert kinds == ["operator.user_invited", "operator.user_invited", "operator.user_added"]


@pytest.mark.feature("SI-01")
def test_the_last_admin_is_not_switched_off(acme: Shell) -> None:
    for login in ("dana", "alex"):
        acme.well("user", "add", login, "--name", "Dana Reyes", "--role", "admin", typed="\n")
    acme.well("user", "disable", "dana")
    refused = acme("user", "disable", "alex")
    assert refused.code == 2
    assert "last admin" in refused.err


@pytest.mark.feature("SEC-33")
def test_a_disabled_or_reset_user_must_start_anew(acme: Shell, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    told = acme.well("user", "add", "dana@example.com", "--name", "Dana Reyes", "--password-file", str(file))
    first = re.search(r"Secret: +(\S+)\n", told)
    again = re.search(r"Secret: +(\S+)\n", acme.well("user", "reset-totp", "dana@example.com"))
    assert first
    assert again
    now = datetime.now(UTC)
    old = acme.inside(lambda o: sign_in(o, "dana@example.com", PASSWORD, code_at(first[1], now)))
    assert not isinstance(old, LogInGranted)
    new = acme.inside(lambda o: sign_in(o, "dana@example.com", PASSWORD, code_at(again[1], now)))
    assert isinstance(new, LogInGranted)
    assert "all log-ins have ended" in acme.well("user", "disable", "Dana@example.com")
    assert acme("user", "disable", "dana@example.com").code == 2
    later = code_at(again[1], now + timedelta(seconds=30))
    assert not isinstance(acme.inside(lambda o: sign_in(o, "dana@example.com", PASSWORD, later)), LogInGranted)
    assert "disabled" in acme.well("user", "list")
    acme.well("user", "enable", "dana@example.com")
    assert [row.kind for row in acme.log() if row.kind.startswith("operator.")][2:] == [
        "operator.second_factor_reset",
        "operator.user_disabled",
        "operator.user_enabled",
    ]


@pytest.mark.feature("TV-04")
def test_settings_are_changed_together_or_not_at_all(acme: Shell) -> None:
    assert "mode=transfer\n" in acme.well("tenant", "set", "mode=transfer", "lifetime=5m", "name=Acme Help")
    shown = acme.well("tenant", "set")
    assert "lifetime=5m\n" in shown
    assert shown.startswith("name=Acme Help\n")
    for pair, says in (("lifetime=11m", "1 to 10 minutes"), ("code_length=5", "6 to 10"), ("colour", "name=value")):
        done = acme("tenant", "set", "name=Other", "unknown_sender=silent", pair)
        assert done.code == 2
        assert says in done.err
    assert acme.well("tenant", "set") == shown
    rows = acme.log()
    assert [row.kind for row in rows][1:] == ["operator.tenant_renamed", "operator.settings_changed"]
    assert rows[-1].public == {"who": "operator", "settings": "lifetime,mode"}


def test_several_tenants_must_be_told_apart(acme: Shell) -> None:
    acme.well("tenant", "add", "bolt", "--name", "Bolt IT")
    assert acme("tenant", "add", "bolt", "--name", "Bolt IT").code == 2
    assert acme("tenant", "add", "Bad Slug", "--name", "Bolt IT").code == 2
    done = acme("number", "list")
    assert (done.code, "--tenant: acme, bolt" in done.err) == (2, True)
    assert acme("number", "list", "--tenant", "nobody").code == 2
    acme.well("number", "add", "+12125550101", "--tenant", "bolt")
    assert "+12125550101" not in acme.well("number", "list", "--tenant", "acme")
    assert "+12125550101" in acme.well("number", "list", "--tenant", "bolt")


@pytest.mark.feature("TV-28")
def test_numbers_and_the_account(acme: Shell, tmp_path: Path) -> None:
    acme.well("number", "add", "+1 212 555 0101")
    acme.well("number", "add", "+12125550102", "--opt-out", "watchword", "--primary")
    listed = acme.well("number", "list").splitlines()
    assert listed[1].split() == ["+12125550102", "sms", "verification", "primary", "watchword"]
    assert listed[2].split() == ["+12125550101", "sms", "verification", "carrier"]
    acme.well("number", "primary", "+12125550101")
    assert acme.well("number", "list").splitlines()[1].startswith("+12125550101")
    assert "no number of Acme Support any more" in acme.well("number", "remove", "+12125550102")
    assert "+12125550102" not in acme.well("number", "list")
    acme.well("number", "add", "+12125550102")
    for words, says in (
        (("number", "remove", "+12125550199"), "has no number"),
        (("number", "remove", "+12125550101"), "Make another one primary first"),
        (("number", "add", "+12125550101"), "belongs to a tenant"),
        (("number", "add", "2125550101"), "country code"),
        (("number", "primary", "+12125550199"), "has no number"),
        (("carrier", "add", "SM123"), "account SID"),
        (("carrier", "add", ACCOUNT, "--token-file", str(tmp_path / "none")), "cannot be read"),
    ):
        done = acme(*words)
        assert (done.code, says in done.err) == (2, True), done
    token = secrets.token_hex(16)
    assert acme("carrier", "add", ACCOUNT, typed=token[:-1] + "\n").code == 2
    told = acme.well("carrier", "add", ACCOUNT, typed=token + "\n")
    assert "https://verify.example.com/webhooks/twilio/sms" in told
    assert token not in told
    (tmp_path / "token").write_text(token + "\n")
    acme.well("carrier", "add", ACCOUNT, "--token-file", str(tmp_path / "token"))

    async def stored(operator: Operator) -> str:
        account = await operator.tenants.find_carrier_account(ACCOUNT)
        assert account is not None
        return account.auth_token

    assert acme.inside(stored) == token
    assert [row.kind for row in acme.log()].count("operator.carrier_set") == 2
    assert token not in str(acme.log())


CONTACTS = """name,client,mobile,email
Ada Bishop,Acme Dental,(212) 555-0111,Ada@Acme.example
Ben Cole,Acme Dental,12,ben@acme.example
Cleo Diaz,,+14155550113,cleo@acme.example
Dev Eder,Bolt Freight,+16175550114,dev@bolt.example
"""


@pytest.mark.feature("SM-26")
def test_contacts_from_a_file(acme: Shell, tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text(CONTACTS)
    dry = acme("contact", "import", str(file))
    assert dry.code == 1
    assert "line 3, error: mobile" in dry.err
    assert "line 4, error: client" in dry.err
    assert "Would add: 2 contacts, 2 clients." in dry.out
    assert "Ada" not in acme.well("contact", "list")
    assert acme("contact", "import", str(file), "--apply").code == 1
    assert "Ada Bishop  Acme Dental   +12125550111  ada@acme.example" in acme.well("contact", "list")
    file.write_text(CONTACTS.replace(",12,", ",+13125550112,").replace("Diaz,,", "Diaz,Acme Dental,"))
    assert "Added: 2 contacts, 0 clients. There already: 2." in acme.well("contact", "import", str(file), "--apply")
    assert "Added: 0 contacts, 0 clients. There already: 4." in acme.well("contact", "import", str(file), "--apply")
    assert len(acme.well("contact", "list").splitlines()) == 5
    assert acme.well("contact", "list", "Eder").splitlines()[1].startswith("Dev Eder")
    noted = [row.public for row in acme.log() if row.kind == "operator.contacts_added"]
    assert noted == [{"who": "operator", "contacts": 2, "clients": 2}, {"who": "operator", "contacts": 2, "clients": 0}]
    assert acme("contact", "import", str(tmp_path / "none.csv")).code == 2


def test_one_contact_passes_the_same_checks(acme: Shell) -> None:
    add = ("contact", "add", 'Ada "Addie" Bishop', "--client", "Acme, Dental", "--mobile")
    assert acme(*add, "12").code == 1
    acme.well(*add, "(212) 555-0111")
    assert acme(*add, "+12125550111").code == 2
    assert 'Ada "Addie" Bishop  Acme, Dental  +12125550111' in acme.well("contact", "list")
    acme.well("client", "add", "Bolt Freight")
    assert acme("client", "add", "Bolt Freight").code == 2
    assert "Bolt Freight" in acme.well("client", "list")


@pytest.mark.feature("SEC-54")
def test_a_change_and_its_note_are_one(acme: Shell) -> None:
    """When the log cannot be written, nothing else is either."""
    if acme.is_sqlite:
        acme.sql("CREATE TRIGGER no_log BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'the log is full'); END")
    else:
        stops = "BEGIN RAISE EXCEPTION 'the log is full'; END"
        acme.sql(f"CREATE FUNCTION no_log() RETURNS trigger LANGUAGE plpgsql AS $${stops}$$")
        acme.sql("CREATE TRIGGER no_log BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION no_log()")
    with pytest.raises(Exception, match="the log is full"):
        acme("tenant", "set", "mode=transfer")
    assert "mode=compare" in acme.well("tenant", "set")


@pytest.mark.feature("SEC-18", "SEC-19")
def test_another_master_key_is_refused_before_anything_is_written(acme: Shell) -> None:
    other = Shell(acme.environment | {"WATCHWORD_MASTER_KEY": base64.b64encode(bytes(range(32, 64))).decode()})
    for words in (("tenant", "add", "bolt", "--name", "Bolt"), ("tenant", "list"), ("number", "add", "+12125550101")):
        done = other(*words)
        assert done.code == 2
        assert "another master key" in done.err
    examined = other("doctor", "--json")
    assert examined.code == 1
    states = {check["check"]: check["state"] for check in json.loads(examined.out)["checks"]}
    assert states["master key"] == "fail"
    assert "bolt" not in acme.well("tenant", "list")


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    shell = shell_for(tmp_path / "watchword.db")
    done = shell("user", "list")
    assert (done.code, "watchword migrate" in done.err) == (2, True)
    assert not (tmp_path / "watchword.db").exists()
    (tmp_path / "watchword.db").write_bytes(b"this is a letter, not a database" * 100)
    for words in (("user", "list"), ("migrate",), ("tenant", "add", "a", "--name", "A")):
        done = shell(*words)
        assert (done.code, "Watchword database" in done.err) == (2, True), done
    assert shell("doctor").code == 1
    nowhere = shell_for(tmp_path / "no" / "folder" / "watchword.db")("migrate")
    assert (nowhere.code, "folder" in nowhere.err) == (2, True)


@pytest.mark.feature("SEC-19")
def test_a_demo_on_the_network_is_refused(in_file: Shell) -> None:
    done = in_file("demo", "--host", "0.0.0.0")  # noqa: S104  that is what is refused
    assert (done.code, "this machine only" in done.err) == (2, True)
    bare = Shell({"WATCHWORD_DATABASE_URL": "", "WATCHWORD_MASTER_KEY": "", "WATCHWORD_MASTER_KEY_FILE": ""})
    assert bare("serve").code == 2
    exposed = in_file("serve", "--host", "0.0.0.0")  # noqa: S104
    assert (exposed.code, "--behind-tls-proxy" in exposed.err) == (2, True)


@pytest.mark.feature("SEC-19")
def test_a_mistake_ends_with_a_sentence_and_no_traceback(in_file: Shell) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watchword", "serve", "--host", "0.0.0.0"],  # noqa: S104
        cwd=ROOT,
        env={**os.environ, **in_file.environment, "WATCHWORD_MASTER_KEY": "password"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("watchword: WATCHWORD_MASTER_KEY")
    assert "Traceback" not in done.stderr


def test_the_doctor_finds_what_is_missing_and_then_nothing(acme: Shell, tmp_path: Path) -> None:
    def states() -> dict[str, str]:
        examined = json.loads(acme("doctor", "--json").out)
        return {check["check"]: check["state"] for check in examined["checks"]}

    before = states()
    assert before["acme: verification number"] == "fail"
    assert before["acme: admins"] == "fail"
    assert before["acme: clients"] == "warn"
    assert before["tls"] == before["webhooks"] == "skip"
    assert acme("doctor").code == 1
    acme.well("number", "add", "+12125550101")
    assert states()["acme: carrier account"] == "fail"
    acme.well("carrier", "add", ACCOUNT, typed=secrets.token_hex(16) + "\n")
    acme.well("client", "add", "Acme Dental")
    acme.well("user", "add", "dana@example.com", "--name", "Dana Reyes", "--role", "admin", typed="\n")
    # Where the only disk is, and that nobody has taken a backup yet, stays to be looked at; and that the tests' server
    # may lose what it has committed.
    stays = {"checkpoints", "backup"} if acme.is_sqlite else {"checkpoints", "backup", "durability"}
    assert {check for check, state in states().items() if state not in {"ok", "skip"}} == stays
    assert acme.well("doctor").endswith(f"0 failed, {len(stays)} to look at.\n")
    acme.well("backup", "--output", str(tmp_path / "first.backup"))
    assert states()["backup"] == "ok"
    if acme.is_sqlite:
        (tmp_path / "watchword.db").chmod(0o644)
        assert states()["database rights"] == "warn"


def test_the_doctor_sees_work_that_lies_about_and_a_clock_that_fell_back(acme: Shell) -> None:
    now = int(datetime.now(UTC).timestamp() * 1e6)
    ((tenant_id,),) = acme.sql("SELECT id FROM tenants")
    waiting = (
        "INSERT INTO outbox (tenant_id, id, kind, lane, status, created_at, due_at, done_at) "
        "VALUES (:tenant, :id, 'text', :id, :status, :now, :due, :done)"
    )
    of = {"tenant": tenant_id, "now": now}
    acme.sql(waiting, **of, id="a", status="waiting", due=now - 600_000_000, done=None)
    acme.sql(waiting, **of, id="b", status="dead", due=now, done=now)
    acme.sql("UPDATE audit SET at = :at", at=now + 3_600_000_000)
    done = acme("doctor")
    assert done.code == 1
    assert "due for 10 minutes (1 waiting)" in done.out
    assert "1 given up in the last day" in done.out
    assert re.search(r"^fail clock", done.out, re.MULTILINE)


def test_commands_work_while_another_process_writes(acme: Shell) -> None:
    """They wait their turn; the log's places stay without a gap."""
    words = [sys.executable, "-m", "watchword", "number", "add"]
    environment = {**os.environ, **acme.environment}
    others = [
        subprocess.Popen([*words, f"+1212555017{n}"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        for n in range(3)
    ]
    for n in range(3):
        acme.well("number", "add", f"+1212555016{n}")
    assert [other.wait(60) for other in others] == [0, 0, 0]
    assert len(acme.well("number", "list").splitlines()) == 7
    assert [row.seq for row in acme.log()] == list(range(1, 8))


def test_features_and_version(in_file: Shell) -> None:
    assert re.fullmatch(r"watchword \d+\.\d+\.\d+\n", in_file.well("version"))
    assert re.search(r"^SEC +\d+ +\d+ +Security$", in_file.well("features"), re.MULTILINE)
    assert "TV-01" in in_file.well("features", "tv")
    assert in_file("features", "nope").code == 2
