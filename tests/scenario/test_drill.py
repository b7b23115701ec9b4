"""The drill: back up while people are at work, lose everything, restore, go on; and nothing of before counts twice."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.seeds import VERIFICATION_NUMBER
from bot.settings import Settings
from storage.sealed.checkpoint_file import CheckpointFile
from storage.sealed.report import Report
from storage.sealed.sealer import Sealer
from storage.sealed.sequencer import Sequencer
from storage.sealed.verify import verify
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
async def house(demo_template: Path, tmp_path: Path) -> AsyncIterator[DemoHouse]:
    async with demo_house(demo_template, tmp_path / "demo") as opened:
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


async def destroy_and_restore(house: DemoHouse, backup: Path, target: Cluster | None, *, fence: bool = True) -> Done:
    """The machine is gone but for the backup, the master key and the file of checkpoints."""
    settings = house.house.settings
    await house.close()
    for file in await asyncio.to_thread(lambda: list(house.folder.glob("watchword.db*"))):
        await asyncio.to_thread(file.unlink)
    shell = operator(settings)
    if target is not None:
        place = await target.empty()
        house.database_url = place.app
        shell = operator(settings, WATCHWORD_DATABASE_URL=place.app, WATCHWORD_OWNER_DATABASE_URL=place.owner)
    done = await run(shell, "restore", str(backup), *(() if fence else ("--no-fence",)))
    assert done.code == 0, done
    return done


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

    told = await destroy_and_restore(house, backup, target)
    assert "Epoch 2 has begun. Void: 2 checks" in told.out
    assert "lines that were signed after the backup" in told.out
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
    await seal_when_placed(house)
    report = await checked(house)
    assert report.whole, [str(finding) for finding in report.findings]
    kinds = [row["kind"] for row in await house.audit("kind=installation.")]
    assert kinds == ["installation.restored"]


async def seal_when_placed(house: DemoHouse) -> None:
    """On PostgreSQL the lines need their places first."""
    if house.database_url:
        sequencer = Sequencer(house.database_url)
        while await sequencer.place():
            pass
        await sequencer.close()
    await seal(house)


@pytest.mark.feature("REL-13")
async def test_without_the_fence_the_old_code_would_count_again(house: DemoHouse, tmp_path: Path) -> None:
    """Why there is a fence; and a planned move, with nothing done after the backup, takes open checks along."""
    ada = house.contact("ada")
    id = await house.verify(ada)
    await house.claim(id)
    code = code_in(house.texts_to(ada)[-1])
    await house.close()
    backup = tmp_path / "move.backup"
    done = await run(operator(house.house.settings), "backup", "--output", str(backup))
    assert done.code == 0, done
    await house.open()
    told = await destroy_and_restore(house, backup, None, fence=False)
    assert "watchword restore-fence" in told.out
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
