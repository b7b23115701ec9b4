"""Lines of the log about verifications of end users, as sentences."""

from __future__ import annotations

from collections.abc import Mapping

from web.look import _

SAID: Mapping[str, str] = {
    "euv.ask": _("{who} asked {contact} to show who they are"),
    "euv.act_refused": _("{who} wanted to verify {contact} and was refused"),
    "euv.override": _("{who} set aside that {contact} was checking a caller"),
    "euv.supersede": _("{who} asked {contact} anew; what was sent before no longer counts"),
    "euv.send_again": _("{who} had the same code sent to {contact} once more"),
    "euv.cancel": _("{who} took the verification of {contact} back"),
    "euv.disown": _("{contact} said that this is not them"),
    "euv.disown_afterwards": _("{contact} said that this was not them, after it was over"),
    "euv.opt_out": _("{contact} texted STOP; the verification ended"),
    "euv.keep_call": _("The carrier calls {contact}"),
    "euv.answer_call": _("Somebody or a machine picked up at the phone of {contact}"),
    "euv.say_again": _("A key was pressed on the phone of {contact}"),
    "euv.end_call": _("The call to {contact} was over"),
    "euv.count_failed_send": _("What was sent to {contact} will not arrive"),
    "euv.expire": _("The time of {contact} to answer ran out"),
    "euv.void": _("The verification of {contact} was made void"),
    "euv.void_result": _("The shield of {contact} ended: what was shown no longer counts"),
    "euv.link_ticket": _("{who} linked a ticket to the verification of {contact}"),
    "euv.link_ticket_afterwards": _("{who} linked a ticket to the verification of {contact} afterwards"),
    "euv.keep_new_ticket": _("The new ticket for the verification of {contact} was made"),
    "euv.note_new_ticket": _("The new ticket for the verification of {contact} was made, and its result written to it"),
    "euv.drop_new_ticket": _("The new ticket for the verification of {contact} could not be made"),
    "euv.refuse_when_over": _("{who} tried something on a verification of {contact} that was over"),
    "euv.ignored": _("Something came for {contact} that changed nothing"),
    "euv.unlocked": _("{who} let a locked method be used for {contact} again"),
    "ticket.closing_waived": _("{who} closed a ticket though nobody was verified for it"),
}
#: What came of a typed code, and of Validate, by the state after it.
TYPED: Mapping[str, str] = {
    "verified": _("{contact} is verified: {who} typed the right code"),
    "sent": _("{who} typed a wrong code of {contact}"),
    "failed": _("{contact} is not verified: {who} typed the last wrong code"),
}
PRESSED: Mapping[str, str] = {
    "verified": _("{contact} is verified: they pressed Validate"),
    "sent": _("{contact} typed a wrong number on the page of their link"),
    "failed": _("{contact} is not verified: a wrong number was typed too often"),
}
