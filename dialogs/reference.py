"""The reference pages of the dialogs, written from the code itself: states, diagram, transitions, texts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from dialogs import approvals, tech_verify, user_verify
from dialogs.machine import Edge, Machine
from dialogs.texts import LANGUAGES, LOCKED_WITHIN, MAX_SEGMENTS, SAMPLES, Template, TenantValues, render, segments
from dialogs.texts.english_verify import VERIFYING
from dialogs.user_verify import FAMILIES, METHODS

TECHNICIAN = """# Technician verification

This page is generated from `dialogs/tech_verify` and `dialogs/texts`; edit those, then generate it again.

An end user who is called by somebody claiming to be their technician texts `#verify`. They get a code; the technician,
who has claimed the check in the console, sees the same code and says it first; the user answers `#confirm`. In the mode
`transfer` the text holds no code and the user types the one they hear.

Nothing but a live code, a claim by a signed-in technician and the user's `#confirm` makes a check *confirmed*, save a
spoken yes that a technician writes down, which is kept as weaker evidence, and tenants that have switched the claim
off, whose records say `unclaimed`.
"""


USER = """# End-user verification

This page is generated from `dialogs/user_verify` and `dialogs/texts`; edit those, then generate it again.

A technician who has a caller on the line asks for a code or a link to go to an address on record. The caller says the
code, or presses Validate on the page behind the link, and the shield of that address turns green for a while. One
machine carries every method; what differs between them are the facts below and the words that are sent.

Only a right answer to a live challenge makes a verification *verified*: the digits typed by the technician who asked,
or the button pressed by a person, with the number that the technician says where the policy asks for one. A technician
cannot set it by hand.
"""


SECOND = """# The second person

This page is generated from `dialogs/approvals` and `dialogs/texts`; edit those, then generate it again.

A technician asks a colleague to agree before something is done, where the client's policy wants that: a code or link to
an unusual address, or high-risk work after two independent methods. Nobody agrees to their own. A yes to an address is
good for one code or link, to that very address, by that very technician, about that ticket, for 15 minutes. A yes to
high-risk work is good for as long as both shields stand, 30 minutes at most.
"""


@dataclass(frozen=True, slots=True)
class _Dialog:
    intro: str
    machine: Machine[Any, Any, Any]
    parts: Sequence[ModuleType]
    templates: Sequence[Template]

    def page(self, *more: str) -> str:
        """The whole page, ending in one newline. `more` stands before the texts."""
        machine = self.machine
        lines = [
            self.intro,
            *_states(machine),
            *_diagram(machine),
            *_transitions(machine, self.parts),
            *_ignored(machine),
            *more,
            *_texts(self.templates),
        ]
        return "\n".join(lines).rstrip() + "\n"


def technician_page() -> str:
    """Checks of a caller by an end user, with every text that is not of the other dialog."""
    return _Dialog(TECHNICIAN, tech_verify.machine, tech_verify.PARTS, _templates(of_users=False)).page()


def approval_page() -> str:
    """Requests to a second person, with which methods are independent of which, and their texts."""
    dialog = _Dialog(SECOND, approvals.machine, approvals.PARTS, [t for t in VERIFYING if _of_approvals(t)])
    return dialog.page(*_families())


def user_page() -> str:
    """Verifications of end users, with their methods and texts."""
    dialog = _Dialog(USER, user_verify.machine, user_verify.PARTS, _templates(of_users=True))
    return dialog.page(*_methods())


def _templates(*, of_users: bool) -> list[Template]:
    others = (t for t in LANGUAGES["en"].templates.values() if not _of_approvals(t))
    return [t for t in others if (t in VERIFYING) is of_users]


def _of_approvals(template: Template) -> bool:
    return "approval" in template.id.split(".")


def _families() -> Iterator[str]:
    yield "\n## Independent methods\n"
    yield "Two methods count as two where they stand in different rows.\n"
    yield "| goes to | methods |\n|---|---|"
    for family in dict.fromkeys(FAMILIES.values()):
        yield f"| {family} | {', '.join(f'`{m}`' for m, of in FAMILIES.items() if of == family)} |"


def _methods() -> Iterator[str]:
    yield "\n## Methods\n"
    yield (
        "*Stopped by a check*: while the user is checking a caller, or was in the last ten minutes, nothing is sent "
        "this way.\n"
    )
    yield "| method | goes by | answered by | worth | addresses | stopped by a check | works in this version |"
    yield "|---|---|---|---|---|---|---|"
    for method, facts in METHODS.items():
        kinds = ", ".join(facts.kinds) or "none"
        stopped, built = ("yes" if answer else "no" for answer in (facts.interlocked, facts.built))
        yield (f"| `{method}` | {facts.channel} | {facts.way} | {facts.assurance} | {kinds} | {stopped} | {built} |")


def _states(machine: Machine[Any, Any, Any]) -> Iterator[str]:
    yield "## States\n"
    yield "| state | holds true that |\n|---|---|"
    for state in machine.states:
        yield f"| {state.__name__} | {_one_line(state)} |"
    yield "\n## Events\n"
    yield "| event | what happened |\n|---|---|"
    for event in machine.events:
        yield f"| {event.__name__} | {_one_line(event)} |"


def _diagram(machine: Machine[Any, Any, Any]) -> Iterator[str]:
    yield "\n## Diagram\n"
    yield "Only ways to another state are drawn; what stays in its state is in the table below.\n"
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {machine.states[0].__name__}"
    drawn: dict[tuple[str, str], list[str]] = {}
    for edge in machine.in_order():
        for target in edge.targets:
            if target is not edge.source:
                drawn.setdefault((edge.source.__name__, target.__name__), []).append(edge.event.__name__)
    for (before, after), events in drawn.items():
        yield f"    {before} --> {after}: {', '.join(events)}"
    yield "```"


def _transitions(machine: Machine[Any, Any, Any], parts: Sequence[ModuleType]) -> Iterator[str]:
    yield "\n## Transitions"
    for part in parts:
        yield f"\n### {_one_line(part)}\n"
        yield "| transition | from | on | to | what it does |\n|---|---|---|---|---|"
        seen: dict[str, list[Edge]] = {}
        for edge in machine.in_order():
            if edge.run.__module__ == part.__name__:
                seen.setdefault(edge.name, []).append(edge)
        for name, edges in seen.items():
            sources = ", ".join(dict.fromkeys(e.source.__name__ for e in edges))
            events = ", ".join(dict.fromkeys(e.event.__name__ for e in edges))
            entered = dict.fromkeys("*as before*" if t is e.source else t.__name__ for e in edges for t in e.targets)
            targets = ", ".join(entered)
            yield f"| `{name}` | {sources} | {events} | {targets} | {_one_line(edges[0].run)} |"


def _ignored(machine: Machine[Any, Any, Any]) -> Iterator[str]:
    yield "\n## What changes nothing, and why\n"
    yield "| in | on | why |\n|---|---|---|"
    grouped: dict[str, list[tuple[type[Any], type[Any]]]] = {}
    for pair, why in machine.ignored.items():
        grouped.setdefault(why, []).append(pair)
    for why, pairs in grouped.items():
        states = ", ".join(dict.fromkeys(s.__name__ for s, _ in pairs))
        events = ", ".join(dict.fromkeys(e.__name__ for _, e in pairs))
        yield f"| {states} | {events} | {why} |"


def _texts(templates: Sequence[Template]) -> Iterator[str]:
    yield "\n## Texts\n"
    yield (
        "A tenant may write its own wording, in three text segments at most. Locked sentences must stay word for word "
        f"in the first {LOCKED_WITHIN} characters ({MAX_SEGMENTS} segments, measured with a company name of 25 "
        "characters); mails and words on the phone are not counted in segments. `{phone}` reads “the number you know” "
        "where no number is set."
    )
    for template in templates:
        sample = render(template.id, SAMPLES, tenant=_SAMPLE_TENANT)
        yield f"\n### `{template.id}`\n"
        yield f"{template.about} For the {template.audience}."
        yield f"\n```text\n{template.body}\n```\n"
        yield f"- Variables: {_codes(template.variables)}"
        if template.required:
            yield f"- Must hold: {_codes(template.required)}"
        for sentence in template.locked:
            yield f"- Locked: “{sentence}”"
        if template.audience != "ticket" and template.medium == "text":
            yield f"- Segments with sample values: {segments(sample).count}"


def _codes(names: frozenset[str]) -> str:
    return ", ".join(f"`{{{name}}}`" for name in sorted(names)) or "none"


def _one_line(thing: object) -> str:
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split()).replace("|", "\\|")


_SAMPLE_TENANT = TenantValues("Northwind Managed Support", "+1 212-555-0100")
#: Path below docs/reference and the function that writes it, for the command that generates all pages.
PAGES: Mapping[str, Callable[[], str]] = {
    "technician-verification.md": technician_page,
    "end-user-verification.md": user_page,
    "second-person.md": approval_page,
}
