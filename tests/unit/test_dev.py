"""The command that runs everything: what it sets up before the tests start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASK = """
import os, dev
dev.keep_bytecode()
print(os.environ.get("PYTHONDONTWRITEBYTECODE", "-"), os.environ.get("PYTHONPYCACHEPREFIX", "-"))
"""
OURS = str(ROOT / ".build" / "bytecode")


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"PYTHONDONTWRITEBYTECODE": "1"}, f"- {OURS}"),
        ({"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "elsewhere"}, "- elsewhere"),
        ({}, "- -"),
    ],
)
def test_no_bytecode_beside_the_sources_means_below_the_build(told: dict[str, str], kept: str) -> None:
    others = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, env=others | told, text=True, capture_output=True)
    assert done.stdout.strip() == kept, done.stderr
