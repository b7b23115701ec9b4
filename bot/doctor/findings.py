"""What a check found, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

#: ok: well. warn: works, look at it. fail: does not work. skip: cannot be seen from here.
State = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `text` says what to do unless all is well."""

    check: str
    state: State
    text: str


def show(findings: Sequence[Finding], *, as_json: bool) -> str:
    """For a person, or the same as JSON."""
    if as_json:
        return json.dumps({"checks": [asdict(finding) for finding in findings]}, indent=2, ensure_ascii=False)
    width = max(len(finding.check) for finding in findings)
    lines = [f"{finding.state:<5}{finding.check:<{width + 2}}{finding.text}" for finding in findings]
    failed = sum(finding.state == "fail" for finding in findings)
    warned = sum(finding.state == "warn" for finding in findings)
    return "\n".join([*lines, "", f"{failed} failed, {warned} to look at."])
