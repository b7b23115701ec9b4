"""What an installation holds, told from the locks (TST-09): whole, repeatable, and nothing skipped in silence."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.deploying import script

ROOT = Path(__file__).parents[2]
sbom = script("sbom")
PIN = "a==1 \\\n    --hash=sha256:" + "0" * 64


def printed(*words: str) -> str:
    done = subprocess.run([sys.executable, ROOT / "dev.py", "sbom", *words], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("level", ["core", "test", "dev"])
def test_every_pin_of_the_lock_is_in_it(level: str) -> None:
    lock = (ROOT / "locks" / f"{level}.txt").read_text("utf-8")
    document = json.loads(printed(level))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    told = {f"{part['name']}=={part['version']}" for part in document["components"]}
    assert told == set(re.findall(r"^([^\s#]+==[^\s;\\]+)", lock, re.MULTILINE))
    digests = [
        p["value"] for part in document["components"] for p in part["properties"] if p["name"].endswith("sha256")
    ]
    assert sorted(digests) == sorted(re.findall(r"sha256:([0-9a-f]{64})", lock))
    references = [part["bom-ref"] for part in document["components"]]
    assert len(set(references)) == len(references)


def test_what_we_need_ourselves_is_told_apart() -> None:
    document = json.loads(printed())
    (ours,) = document["dependencies"]
    assert "pkg:pypi/sqlalchemy@" in " ".join(ours["dependsOn"])
    assert set(ours["dependsOn"]) < {part["bom-ref"] for part in document["components"]}
    assert len(ours["dependsOn"]) > 15


def test_the_same_locks_give_the_same_file() -> None:
    assert printed() == printed()
    first, second = sbom.bill(_PROJECT, sbom.read_lock(PIN)), sbom.bill(_PROJECT, sbom.read_lock(PIN.replace("1", "2")))
    assert first["serialNumber"] != second["serialNumber"]


@pytest.mark.parametrize("lock", ["a>=1", "a==1", f"{PIN}\nb @ file:///b", "    --hash=sha256:" + "0" * 64])
def test_a_lock_that_is_not_understood_is_refused(lock: str) -> None:
    with pytest.raises(sbom.BadLock):
        sbom.read_lock(lock)


_PROJECT = {"name": "w", "version": "1", "license": "Apache-2.0", "dependencies": ["a>=1"]}
