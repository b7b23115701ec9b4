"""`watchword migrate --backup` on a database of a released version: the backup is of before, whole, and restorable."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection
from typer.testing import CliRunner

from bot.cli import app
from storage.migrations import current, newest, upgrade
from storage.postgres.connecting import run_once
from storage.postgres.row_security import Reason, enter
from tests.fixtures.postgres import Cluster
from tests.fixtures.releases.released import RELEASES, Released, have_sqlite_file, released

Run = Callable[..., str]


@pytest.fixture(params=["sqlite", "postgres"])
def cluster(request: pytest.FixtureRequest) -> Cluster | None:
    if request.param == "sqlite":
        return None
    found: Cluster = request.getfixturevalue("postgres")
    return found


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> Released:
    return released(request.param)


def environment(release: Released, **urls: str) -> dict[str, str]:
    return {"WATCHWORD_MASTER_KEY": release.frozen["keys"]["master_key"], **urls}


def shell(settings: dict[str, str], *words: str, code: int = 0) -> str:
    """Run a command; what it said."""
    done = CliRunner().invoke(app, list(words), env=settings, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def settings_of(release: Released, folder: Path, cluster: Cluster | None) -> dict[str, str]:
    """The release's database, not yet migrated, as its operator has it."""
    if cluster is None:
        return environment(
            release, WATCHWORD_DATABASE_URL=f"sqlite:///{have_sqlite_file(release.revision, folder / 'then')}"
        )
    place = asyncio.run(cluster.empty())

    def then(connection: Connection) -> None:
        enter(connection, Reason.OPERATOR.value)
        upgrade(connection, release.revision)
        release.fill(connection)

    run_once(place.owner, then)
    # Walls and rights are made from today's tables, so that version's cannot be made. The owner serves.
    return environment(release, WATCHWORD_DATABASE_URL=place.owner)


@pytest.mark.feature("REL-13", "REL-14")
def test_the_backup_before_an_upgrade_holds_the_version_before(
    release: Released, tmp_path: Path, cluster: Cluster | None
) -> None:
    settings, kept = settings_of(release, tmp_path, cluster), tmp_path / "kept"
    kept.mkdir()
    said = shell(settings, "migrate", "--backup", str(kept))
    rows = sum(len(rows) for rows in release.tables.values())
    assert f"Backed up {rows} rows" in said
    assert current(settings["WATCHWORD_DATABASE_URL"]) == newest()
    (backup,) = kept.iterdir()
    assert f"schema {release.revision}" in shell(settings, "backup", "--verify", str(backup))

    anew = environment(release, WATCHWORD_DATABASE_URL=f"sqlite:///{tmp_path / 'anew.db'}")
    assert f"Restored {rows} rows" in shell(anew, "restore", str(backup), "--no-fence")
    restored = sqlite3.connect(tmp_path / "anew.db")
    for name, held in release.tables.items():
        if held and name != "installation":
            names = ", ".join(held[0])
            found = sorted(map(repr, restored.execute(f"SELECT {names} FROM {name}")))  # noqa: S608  our own names
            assert found == sorted(repr(tuple(row.values())) for row in held), name
    restored.close()


@pytest.mark.feature("REL-14")
def test_without_anything_to_change_no_backup_is_taken(
    release: Released, tmp_path: Path, cluster: Cluster | None
) -> None:
    """The one-shot service of compose.yaml runs at every start."""
    settings = settings_of(release, tmp_path, cluster)
    shell(settings, "migrate")
    assert "up to date" in shell(settings, "migrate", "--backup", str(tmp_path / "then"))
    assert list(tmp_path.rglob("*.backup")) == []


def test_a_new_database_needs_no_backup(release: Released, tmp_path: Path) -> None:
    settings = environment(release, WATCHWORD_DATABASE_URL=f"sqlite:///{tmp_path / 'w.db'}")
    assert "Made" in shell(settings, "migrate", "--backup", str(tmp_path))
    assert list(tmp_path.glob("*.backup")) == []


@pytest.mark.feature("REL-14")
def test_what_cannot_be_backed_up_is_not_changed(release: Released, tmp_path: Path, cluster: Cluster | None) -> None:
    settings = settings_of(release, tmp_path, cluster)
    assert "nothing was changed" in shell(settings, "migrate", "--backup", str(tmp_path / "absent"), code=2)
    other = {**settings, "WATCHWORD_MASTER_KEY": bytes(range(1, 33)).hex()}
    assert "another master key" in shell(other, "migrate", "--backup", str(tmp_path), code=2)
    assert current(settings["WATCHWORD_DATABASE_URL"]) == release.revision
    assert list(tmp_path.rglob("*.backup")) == []
