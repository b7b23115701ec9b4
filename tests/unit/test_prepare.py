"""`deploy/prepare.py`: secrets and settings of a compose installation, made once and never changed."""

from __future__ import annotations

import base64
import re
import shutil
import stat
from pathlib import Path

import pytest
import yaml

from tests.fixtures.deploying import DEPLOY, script

prepare = script("prepare")
HOST, EMAIL = "verify.harbor.example", "ops@harbor.example"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "deploy").mkdir()
    shutil.copy(DEPLOY / "example.env", tmp_path / "deploy")
    return tmp_path


def kept(root: Path) -> dict[str, str]:
    return {file.name: file.read_text("utf-8") for file in (root / "deploy" / "secrets").iterdir()}


@pytest.mark.feature("SEC-19")
def test_every_secret_that_compose_names_is_made(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main([HOST, EMAIL], root) == 0
    named = yaml.safe_load((DEPLOY.parent / "compose.yaml").read_text("utf-8"))["secrets"]
    assert kept(root).keys() == named.keys()
    for name, secret in named.items():
        assert secret == {"file": f"./deploy/secrets/{name}"}
    assert len(base64.b64decode(kept(root)["master_key"])) == 32
    folder = root / "deploy" / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700, "others on this machine cannot come near the files"
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}
    assert "copy deploy/secrets/master_key to a safe place" in capsys.readouterr().out


def test_addresses_hold_the_passwords_of_the_roles(root: Path) -> None:
    prepare.main([HOST, EMAIL], root)
    have = {name: text.strip() for name, text in kept(root).items()}
    assert have["database_url"] == f"postgresql://watchword:{have['database_app_password']}@database:5432/watchword"
    assert f":{have['database_owner_password']}@" in have["database_owner_url"]
    assert have["redis_conf"].splitlines()[0] == "requirepass " + have["redis_url"].split(":")[2].split("@")[0]
    passwords = [have[name] for name in have if name.endswith("_password")]
    assert len(set(passwords)) == 3
    assert all(len(password) >= 48 for password in passwords)


def test_what_is_there_is_left_as_it_is(root: Path) -> None:
    prepare.main([HOST, EMAIL], root)
    before = kept(root)
    assert prepare.main(["other.harbor.example", EMAIL], root) == 0
    assert kept(root) == before
    assert f"WATCHWORD_HOST={HOST}" in (root / ".env").read_text("utf-8")


@pytest.mark.parametrize("lost", ["database_url", "redis_url", "redis_conf", "metrics_token"])
def test_a_set_with_a_gap_is_completed_with_the_same_passwords(root: Path, lost: str) -> None:
    prepare.main([HOST, EMAIL], root)
    before = kept(root)
    (root / "deploy" / "secrets" / lost).unlink()
    if lost == "redis_conf":
        (root / "deploy" / "secrets" / "redis_url").unlink()
    prepare.main([HOST, EMAIL], root)
    after = kept(root)
    assert after.keys() == before.keys()
    if lost in ("database_url", "redis_url"):
        assert after == before
    password = after["redis_conf"].split()[1]
    assert f":{password}@" in after["redis_url"]


def test_settings_are_the_example_with_our_names(root: Path) -> None:
    prepare.main([HOST, EMAIL], root)
    lines = (root / ".env").read_text("utf-8").splitlines()
    assert f"WATCHWORD_HOST={HOST}" in lines
    assert f"ACME_EMAIL={EMAIL}" in lines
    names = re.findall(r"^[A-Z_]+", (DEPLOY / "example.env").read_text("utf-8"), re.MULTILINE)
    assert names == re.findall(r"^[A-Z_]+", "\n".join(lines), re.MULTILINE)


@pytest.mark.parametrize("words", [[], [HOST], [f"https://{HOST}", EMAIL], ["localhost", EMAIL], [HOST, "nobody"]])
def test_a_mistake_makes_nothing(root: Path, words: list[str]) -> None:
    assert prepare.main(words, root) == 2
    assert not (root / ".env").exists()
    assert not (root / "deploy" / "secrets").exists()
