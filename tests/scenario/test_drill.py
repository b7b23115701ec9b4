"""The drill: back up while people are at work, lose everything, restore, go on; and nothing of before counts twice."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.app import build
from bot.seeds import VERIFICATION_NUMBER
from bot.settings import BadSetting, Settings
from storage.sealed.checkpoint_file import CheckpointFile
from storage.sealed.report import Report
from storage.sealed.sealer import Sealer
from storage.sealed.verify import verify
from storage.tables import technicians
from tests.fixtures.demo_house import DemoHouse, code_in, demo_house
from tests.fixtures.postgres import Cluster
from tests.scenario.test_commands import Done, Shell


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest) -> Cluster | None:
    """Where the house stands afterwards; None is a file."""
    if request.param == "sqlite":
        return None
    found: Cluster = request.getfixturevalue("postgres")
    return found


@pytest.fixture
async def house(demo_template: Path, tmp_path: Path, cluster: Cluster | None) -> AsyncIterator[DemoHouse]:
    """Where the house stands before: a file, or a database on the server."""
    async with demo_house(demo_template, tmp_path / "demo", cluster=cluster) as opened:
        yield opened


def operator(settings: Settings, **more: str) -> Shell:
    """The operator's shell on the machine of this house."""
    return Shell(
        {
            "WATCHWORD_DATABASE_URL": settings.database_url,
            "WATCHWORD_MASTER_KEY": base64.b64encode(settings.master_key).decode(),
            "WATCHWORD_CHECKPOINTS_FILE": str(settings.checkpoints_file),
            **more,
        }
    )


async def run(shell: Shell, *words: str) -> Done:
    return await asyncio.to_thread(shell, *words)


async def seal(house: DemoHouse) -> None:
    """Sign the log as it stands, into the file outside."""
    await house.idle()
    inside = house.house
    assert inside.settings.checkpoints_file is not None
    sealer = Sealer(
        inside.database,
        inside.keyring,
        inside.clock,
        inside.random,
        file=CheckpointFile(inside.settings.checkpoints_file),
        publish=lambda note: None,
        alarm=lambda trouble: pytest.fail(trouble),
    )
    await sealer.seal(now=True)


async def checked(house: DemoHouse) -> Report:
    inside = house.house
    assert inside.settings.checkpoints_file is not None
    return await verify(inside.database, inside.keyring, CheckpointFile(inside.settings.checkpoints_file))


async def destroy(house: DemoHouse) -> None:
    """The machine is gone but for its folder; what is kept elsewhere is the backup, the key and the checkpoints."""
    await house.close()
    for file in await asyncio.to_thread(lambda: list(house.folder.glob("watchword.db*"))):
        await asyncio.to_thread(file.unlink)


async def restore(house: DemoHouse, backup: Path, target: Cluster | None, *options: str) -> tuple[Shell, Done]:
    """Onto another database, which the house is opened on next; and the operator's shell there."""
    settings = house.house.settings
    if target is None:
        house.database_url = ""
        shell = operator(settings, WATCHWORD_DATABASE_URL=f"sqlite:///{house.folder / 'watchword.db'}")
    else:
        place = await target.empty()
        house.database_url = place.app
        shell = operator(settings, WATCHWORD_DATABASE_URL=place.app, WATCHWORD_OWNER_DATABASE_URL=place.owner)
    done = await run(shell, "restore", str(backup), *options)
    assert done.code == 0, done
    return shell, done


@pytest.mark.feature("REL-13", "SEC-11")
async def test_everything_is_lost_and_work_goes_on(house: DemoHouse, target: Cluster | None, tmp_path: Path) -> None:
    ada, ben, cleo = house.contact("ada"), house.contact("ben"), house.contact("cleo")
    used = await house.verify(ada)
    await house.claim(used)
    code = code_in(house.texts_to(ada)[-1])
    waiting = await house.verify(ben)
    await house.announce(cleo)
    await seal(house)

    # While texts keep coming in.
    stop, came = asyncio.Event(), 0

    async def traffic() -> None:
        nonlocal came
        while not stop.is_set():
            assert (
                await house.world.carrier.text(house.contact("eve").mobile, VERIFICATION_NUMBER, f"{came}")
            ).status == 200
            came += 1

    backup = tmp_path / "tonight.backup"
    talking = asyncio.create_task(traffic())
    made = await run(operator(house.house.settings), "backup", "--output", str(backup))
    stop.set()
    await talking
    assert made.code == 0, made
    assert came > 3

    # Afterwards the code is used, and the log goes on and is signed.
    await house.text(ada, f"#confirm {code}")
    assert (await house.check(used))["state"] == "confirmed"
    await house.idle()
    await seal(house)

    await destroy(house)
    _, told = await restore(house, backup, target)
    assert "Epoch 2 has begun. Void: 2 checks" in told.out
    assert "signed after the backup" in told.out
    await house.open()
    sent = house.left()

    for check in (used, waiting):
        over = await house.check(check)
        assert (over["state"], over["reason"], over["code"]) == ("expired", "restored", None)
    await house.text(ada, f"#confirm {code}")
    assert (await house.check(used))["state"] == "expired"
    assert not any("Confirmed." in text for text in house.texts_to(ada))
    assert (await house.api("GET", "/api/v1/announced-calls")).json["items"] == []
    assert not any(code in text for text in house.texts_to(ada)), "the code did not go out once more"
    assert house.left() <= sent + 1

    again = await house.verify(ada)
    await house.claim(again)
    await house.text(ada, f"#confirm {code_in(house.texts_to(ada)[-1])}")
    assert (await house.check(again))["state"] == "confirmed"
    await seal(house)
    report = await checked(house)
    assert report.whole, [str(finding) for finding in report.findings]
    kinds = [row["kind"] for row in await house.audit("kind=installation.")]
    assert kinds == ["installation.restored"]


@pytest.mark.feature("REL-13")
async def test_without_the_fence_a_server_does_not_start(
    house: DemoHouse, target: Cluster | None, tmp_path: Path
) -> None:
    """The checkpoints outside have seen more than the backup holds."""
    ada, backup = house.contact("ada"), tmp_path / "tonight.backup"
    id = await house.verify(ada)
    await house.claim(id)
    made = await run(operator(house.house.settings), "backup", "--output", str(backup))
    assert made.code == 0, made
    await house.text(ada, f"#confirm {code_in(house.texts_to(ada)[-1])}")
    await seal(house)
    await destroy(house)
    shell, told = await restore(house, backup, target, "--no-fence")
    assert "watchword restore-fence" in told.out
    url = house.database_url or f"sqlite:///{house.folder / 'watchword.db'}"
    with pytest.raises(BadSetting, match="restore-fence"):
        # Served in earnest: the demo starts nevertheless, as a power cut may take from it what its checkpoints saw.
        await build(replace(house.house.settings, database_url=url, demo=False))
    fenced = await run(shell, "restore-fence", "--reason", "the disk died")
    assert "Epoch 2 has begun" in fenced.out
    await house.open()
    assert (await house.check(id))["state"] == "expired"

    # And again from the same backup, which knows nothing of the restore in between.
    await house.verify(ada)
    await seal(house)
    await destroy(house)
    _, told = await restore(house, backup, target)
    assert "Epoch 3 has begun" in told.out
    await house.open()
    await house.verify(ada)
    await seal(house)
    report = await checked(house)
    assert report.whole, [str(finding) for finding in report.findings]


@pytest.mark.feature("REL-13")
async def test_a_planned_move_takes_open_checks_along(house: DemoHouse, target: Cluster | None, tmp_path: Path) -> None:
    """The server is stopped before the backup: nothing happens afterwards, so nothing has to be void."""
    ada, backup = house.contact("ada"), tmp_path / "move.backup"
    id = await house.verify(ada)
    await house.claim(id)
    code = code_in(house.texts_to(ada)[-1])
    await house.close()
    made = await run(operator(house.house.settings), "backup", "--output", str(backup))
    assert made.code == 0, made
    await destroy(house)
    await restore(house, backup, target, "--no-fence")
    await house.open()
    await house.text(ada, f"#confirm {code}")
    assert (await house.check(id))["state"] == "confirmed"


@pytest.mark.feature("REL-13")
async def test_log_ins_end_and_what_waited_is_not_sent(house: DemoHouse) -> None:
    """The fence beside a running server: whatever it holds comes to nothing."""
    ada = house.contact("ada")
    granted = await house.login("dana")
    assert granted.status == 201, granted.text
    token = granted.json["token"]
    await house.announce(ada, notify=False)
    id = await house.verify(ada)
    await house.claim(id)
    # As in a backup of before the log-in: the code that was used is not known to be used.
    unused = update(technicians).where(technicians.c.tenant_id == house.seeded.tenant_id).values(totp_step=0)
    await house.house.database.write(house.seeded.tenant_id, lambda conn: conn.execute(unused))
    done = await run(operator(house.house.settings), "restore-fence", "--reason", "a disk snapshot was put back")
    assert done.code == 0, done
    assert (await house.ask("GET", "/api/v1/alerts", bearer=token)).status == 401
    again = await house.login("dana")
    assert again.status == 401, "a code of the authenticator that was used before must not count again"
    house._tokens.clear()
    assert (await house.check(id))["state"] == "expired"
    assert (await house.audit("kind=installation."))[0]["facts"]["checks"] == 1
    assert [row["kind"] for row in await house.audit(f"check_id={id}&kind=tv.void")] == ["tv.void"]
    await house.text(ada, "#confirm")
    assert (await house.check(id))["state"] == "expired"
