"""Lines of the log about second persons, as sentences."""

from __future__ import annotations

from collections.abc import Mapping

from storage.log import LogRow
from web.look import _

SAID: Mapping[str, str] = {
    "approval.ask_second_person": _("{who} asked for a second person about {contact}"),
    "approval.act_refused": _("{who} wanted a second person about {contact}, or to be one, and was refused"),
    "approval.colleagues_told": _("Colleagues were told that a second person is wanted about {contact}"),
    "approval.grant": _("{who} agreed, as a second person, about {contact}"),
    "approval.refuse": _("{who} said no, as a second person, about {contact}"),
    "approval.withdraw": _("{who} took back that they wanted a second person about {contact}"),
    "approval.use": _("{who} sent what a second person had agreed to, to {contact}"),
    "approval.expire": _("The time of a request to a second person about {contact} ran out"),
    "approval.void": _("A request to a second person about {contact} was made void"),
    "approval.refuse_when_decided": _("{who} decided about {contact} when somebody else had agreed already"),
    "approval.refuse_undecided": _("{who} wanted to send to {contact} before a second person had agreed"),
    "approval.refuse_when_over": _("{who} wanted something of a request about {contact} that was over"),
    "approval.ignored": _("Something came about a request to a second person that changed nothing"),
}
#: Acts that stand in the log whether or not they were granted.
_TRIED = _("{who} wanted to decide about {contact}, as a second person, and was refused")


def said_of(row: LogRow) -> str:
    """The sentence, with `{who}` and `{contact}` in it; empty where it is not about a second person."""
    if row.kind in SAID and row.kind != "approval.act_refused" and row.public.get("refused"):
        return _TRIED
    return SAID.get(row.kind, "")
