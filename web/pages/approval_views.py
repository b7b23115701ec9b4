"""Requests to a second person as pages show them: plain values, in words for whoever looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dialogs.approvals import DECIDE_WITHIN
from dialogs.user_verify import Method, Policy
from web.look import _
from web.pages.tickets_of import ticket_text
from web.pages.verify_words import DID, NOTE_FOR
from web.pages.views import EPOCH, Tone
from web.ports import Acting
from web.second_person import decides, is_supervisor

if TYPE_CHECKING:
    from dialogs.approvals import Clearance
    from storage.approvals import ApprovalRow

#: State -> colour and icon; the words say the same.
TONES: Mapping[str, Tone] = {"granted": "good", "used": "good", "refused": "bad"}
GONE = _("Somebody who has left")
_OVER: Mapping[str, str] = {
    "refused": _("%s said no"),
    "withdrawn": _("Taken back by %s"),
    "used": _("%s agreed; it was sent"),
}


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """One request. `kind` names the template it is drawn by, `what` what is asked for, `state` how it stands, `good`
    for what and how the person was verified by then. `live`: it waits or its yes still counts. `may_decide`: by
    whoever looks; `may_withdraw`: it is theirs; `why_not`: what keeps whoever looks from deciding. `word`: the state's
    word in the API. `agreed`: a second person said yes, whatever came of it; `expired_at`: by when somebody had to
    decide."""

    id: str
    word: str
    state: str
    tone: Tone
    what: str
    name: str
    contact_id: str
    who: str
    note: str
    created_at: datetime
    expires_at: datetime = EPOCH
    kind: str = "approval"
    methods: str = ""
    ticket: str = ""
    ticket_id: str = ""
    answer: str = ""
    ended_at: datetime = EPOCH
    mine: bool = False
    live: bool = False
    may_decide: bool = False
    may_withdraw: bool = False
    why_not: str = ""
    is_high: bool = False
    agreed: bool = False
    expired_at: datetime = EPOCH


BLANK = ApprovalView("", "waiting", "", "quiet", "", "", "", "", "", EPOCH)


@dataclass(frozen=True, slots=True)
class HighView:
    """Whether high-risk work is cleared for one person and ticket. `said`: how it stands, `todo` what comes next.
    `asks`: it is time to ask a second person. `until`: how long it is cleared."""

    cleared: bool
    said: str
    todo: str = ""
    asks: bool = False
    until: datetime = EPOCH


def approval_view(
    row: ApprovalRow, who: Acting, policy: Policy, now: datetime, methods: Sequence[Method] = ()
) -> ApprovalView:
    """`methods`: by which the person is verified, where the row does not say so yet."""
    live, mine = row.is_live(now), row.technician_id == who.technician_id
    counted = tuple(row.methods) or tuple(methods)
    may = decides(who, row, policy, now)
    waits = row.state == "waiting" and live
    return ApprovalView(
        id=row.id,
        word=row.state,
        state=_state(row, mine=mine, may=may),
        tone=TONES.get(row.state, "quiet"),
        what=what_of(row),
        name=row.contact_name or _("A contact that was removed"),
        contact_id=row.contact_id if row.contact_name else "",
        who=row.technician or GONE,
        note=row.note,
        created_at=row.created_at,
        expires_at=row.until or EPOCH,
        methods=methods_in_words(counted),
        ticket=ticket_text(row.ticket_number, "") if row.ticket_id else "",
        ticket_id=row.ticket_id,
        answer=row.reason if row.state == "refused" else "",
        ended_at=row.decided_at or EPOCH,
        mine=mine,
        live=live,
        may_decide=may,
        may_withdraw=mine and live,
        why_not=_why_not(row, who, policy) if waits and not may else "",
        is_high=row.kind == "high",
        agreed=bool(row.decided_by_id),
        expired_at=row.created_at + DECIDE_WITHIN,
    )


def what_of(row: ApprovalRow) -> str:
    """What is asked for, as a sentence."""
    if row.kind == "high":
        return _("High-risk work: passwords, sign-in, rights, payments.")
    if not row.address:
        return _("Send one code or link. The address was erased since.")
    why = NOTE_FOR.get(row.unusual, "")
    sent = _("Send one code or link to %s.") % row.address
    return f"{sent} {why[:1].upper()}{why[1:]}." if why else sent


def methods_in_words(methods: Sequence[Method]) -> str:
    """`Code by text + Code by mail`."""
    return " + ".join(DID[method] for method in methods)


def _state(row: ApprovalRow, *, mine: bool, may: bool) -> str:
    if row.state == "waiting":
        if mine:
            return _("You have asked; nobody has decided yet")
        asks = _("%s asks you") if may else _("%s has asked")
        return asks % (row.technician or GONE)
    decided_by = row.decided_by or GONE
    if row.state == "granted":
        return _("%s agreed") % decided_by
    if row.state == "expired":
        return _("%s agreed; the time is over") % decided_by if row.decided_by_id else _("Nobody decided in time")
    who = (row.technician or GONE) if row.state == "withdrawn" else decided_by
    return _OVER[row.state] % who


def _why_not(row: ApprovalRow, who: Acting, policy: Policy) -> str:
    if row.technician_id == who.technician_id:
        return _("Somebody else has to decide.")
    if policy.approver == "supervisor" and not is_supervisor(who):
        return _("A supervisor or an admin decides this one.")
    return ""


def high_view(found: Clearance, policy: Policy) -> HighView | None:
    """None where nothing has begun and nothing is cleared: then there is nothing to say."""
    by = methods_in_words(found.methods)
    if found.cleared:
        agreed = _("%s agreed") % found.approved_by if found.approved_by else ""
        how = ", ".join(said for said in (by, agreed) if said)
        return HighView(cleared=True, said=_("Cleared for high-risk work: %s.") % how, until=found.until or EPOCH)
    missing = found.missing[0] if found.missing else ""
    if not policy.high_by_two or missing not in ("other_method", "said_method", "approval"):
        # Where somebody was asked already, that request itself says how it stands.
        return None
    if missing == "said_method":
        todo = _("Done: %s. Both are taps: now a code that they read to you, and then a second person.") % by
        return HighView(cleared=False, said=_("Not cleared for high-risk work."), todo=todo)
    if missing == "other_method":
        todo = _("Done: %s. Such work still takes a way of another kind, and then a second person.") % by
        return HighView(cleared=False, said=_("Not cleared for high-risk work."), todo=todo)
    todo = _("Done: %s. Now a colleague has to agree.") % by
    return HighView(cleared=False, said=_("High-risk work is not cleared yet."), todo=todo, asks=True)
