"""What `audit verify` found, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

#: Findings that are spelt out; all are counted.
SHOWN = 20
#: Called with lines done and lines in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was sealed. `seq` and `id` name the line where it is about one, else 0 and empty."""

    what: str
    seq: int = 0
    id: str = ""

    def __str__(self) -> str:
        where = f"Line {self.seq}" + (f" ({self.id})" if self.id else "")
        return f"{where} {self.what}." if self.seq else f"{self.what}."


@dataclass(slots=True)
class Report:
    """`lines`: that have a place; `tree`: of them in the tree; `covered`: of those under a checkpoint. `unplaced`:
    lines that wait for a place. `begin`: lines at the beginning that were not looked at. `heads` and `outside`:
    checkpoints in the table and in the file. `notes`: what is no tampering but should be known, such as lines that a
    restore has lost."""

    lines: int = 0
    tree: int = 0
    covered: int = 0
    unplaced: int = 0
    begin: int = 0
    heads: int = 0
    outside: int = 0
    bad_lines: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Nothing speaks against the log."""
        return not self.findings

    @property
    def first(self) -> Finding | None:
        """The first bad line, or else the first of what was found."""
        return min(self.findings, key=lambda finding: finding.seq or 1 << 63, default=None)

    def line(self, seq: int, line_id: str, what: str) -> None:
        """A line that is not as it was."""
        self.bad_lines += 1
        if self.bad_lines <= SHOWN:
            self.findings.append(Finding(what, seq, line_id))

    def cut(self, end: int, seen: Mapping[str, int]) -> None:
        """The log ends at `end`, and who is in `seen` knows of more lines."""
        shown = {who: size for who, size in seen.items() if size > end}
        if shown:
            last = max(shown.values())
            self.bad_lines += last - end
            what = (
                f"and those up to {last} are missing: the end of the log was cut off, as {' and '.join(shown)} can show"
            )
            self.findings.append(Finding(what, end + 1))

    def other(self, what: str) -> None:
        """Something that is about no single line."""
        if len(self.findings) < 2 * SHOWN:
            self.findings.append(Finding(what))
