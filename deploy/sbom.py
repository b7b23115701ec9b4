"""The list of what an installation holds (SBOM), as CycloneDX JSON, from the locks alone. Standard library only.

    python3 dev.py sbom > watchword.cdx.json
    python3 deploy/sbom.py [LEVEL]           core (what runs, the default), test or dev

The same locks give the same file, byte for byte: there is no time in it, and its serial number is made from the rest.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
_HASH = re.compile(r"^\s+--hash=sha256:([0-9a-f]{64})\s*\\?$")
_NAMESPACE = uuid.UUID("8f0c1d52-0a35-5f1d-9a52-5a3a1a4c1b77")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock. `marker`: where it is installed, empty: everywhere. `hashes`: of every file of it that
    may be installed, SHA-256."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package's address in the notation of package URLs."""
        return f"pkg:pypi/{self.name}@{self.version.replace('+', '%2B')}"


class BadLock(Exception):
    """A line that is neither a pin nor a hash, or a pin without one."""


def read_lock(text: str) -> list[Pin]:
    """Every pin. Raises `BadLock`: what is not understood must not be missing from the list in silence."""
    pins: list[Pin] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := _HASH.match(line):
            if not pins:
                raise BadLock(f"line {number}: a hash of nothing")
            last = pins[-1]
            pins[-1] = Pin(last.name, last.version, last.marker, (*last.hashes, found[1]))
        elif found := _PIN.match(line):
            pins.append(Pin(found["name"], found["version"], found["marker"] or "", ()))
        else:
            raise BadLock(f"line {number} is no pin: {line.strip()[:60]}")
    for pin in pins:
        if not pin.hashes:
            raise BadLock(f"{pin.name} has no hash")
    return pins


def bill(project: dict[str, Any], pins: Sequence[Pin]) -> dict[str, Any]:
    """The whole document. `project`: the table of that name in pyproject.toml."""
    root = f"pkg:pypi/{project['name']}@{project['version']}"
    direct = {_canonical(re.split(r"[^A-Za-z0-9._-]", need, maxsplit=1)[0]) for need in project["dependencies"]}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": project["name"],
                "version": project["version"],
                "purl": root,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [_component(pin) for pin in sorted(pins, key=lambda pin: pin.name)],
        # Locks do not say who needs whom, so only our own needs are told, and that this is not all.
        "dependencies": [
            {"ref": root, "dependsOn": sorted(pin.purl for pin in pins if _canonical(pin.name) in direct)}
        ],
        "compositions": [{"aggregate": "incomplete", "dependencies": [root]}],
    }
    serial = uuid.uuid5(_NAMESPACE, hashlib.sha256(json.dumps(document).encode()).hexdigest())
    return {**document, "serialNumber": f"urn:uuid:{serial}"}


def _component(pin: Pin) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        "properties": list(_properties(pin)),
    }


def _properties(pin: Pin) -> Iterator[dict[str, str]]:
    """Hashes are of the files a package comes in, of which an installation gets one; so they are not *the* hash."""
    if pin.marker:
        yield {"name": "watchword:installed-where", "value": pin.marker}
    for digest in pin.hashes:
        yield {"name": "watchword:file-sha256", "value": digest}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """The exit code: 0, or 2 for a mistake."""
    level = arguments[0] if arguments else "core"
    lock = root / "locks" / f"{level}.txt"
    if len(arguments) > 1 or not lock.is_file():
        sys.stderr.write(f"There is no lock {level!r}. Say core, test or dev.\n")
        return 2
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    document = bill(project, read_lock(lock.read_text("utf-8")))
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
