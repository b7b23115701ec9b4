"""Why an act was refused, for people."""

from __future__ import annotations

from collections.abc import Mapping

#: Refusal -> (HTTP status, what happened and what to do). One table for pages and API.
REFUSALS: Mapping[str, tuple[int, str]] = {
    "not_found": (404, "There is no such check here. It may belong to another tenant, or the link is old."),
    "contact_not_found": (404, "There is no such contact here."),
    "ticket_not_found": (404, "There is no such ticket here. Choose one from the list, a new one, or link one later."),
    "ticket_closed": (409, "That ticket is closed. Choose an open one, a new one, or link one later."),
    "ticket_of_other_client": (409, "That ticket belongs to another client. Choose one of this person's own company."),
    "ticket_required": (409, "Your team asks for a ticket with every claim. Choose one, or a new one."),
    "ticket_system_down": (
        503,
        "The ticket system does not answer. Choose to link a ticket later, and go on.",
    ),
    "user_called_us": (
        409,
        "If THEY called YOU, do not read a code to them: anyone can call and ask for one. Check them instead.",
    ),
    "pick_contact": (409, "This number belongs to several people. Choose whom you are calling."),
    "already_claimed": (
        409,
        "Someone else has just claimed this check. Take it over if you are the one on the call.",
    ),
    "not_claimed": (409, "Nobody has claimed this check. Claim it first."),
    "not_yours": (409, "Another technician has claimed this check. Take it over first if you are the one on the call."),
    "too_many_handovers": (409, "This check has changed hands too often. Ask the person to text #verify again."),
    "expired": (409, "This check has run out. Ask the person to text #verify again."),
    "ended": (409, "This check is over. Ask the person to text #verify again."),
    "note_required": (422, "Write down what the person said: a spoken yes needs a note."),
    "reason_required": (422, "Say why you end it; the reason goes into the record."),
    "no_note_due": (409, "Nothing waits to be written to a ticket."),
    "too_many_sends": (429, "A message went there just now, or no more may go there for a while."),
    "prefix_paused": (
        429,
        "Texts to numbers like this one pause, because hardly any of the last codes there were answered.",
    ),
    "opted_out": (409, "This number has opted out of texts (STOP). Reach the person another way."),
    "blocked": (
        409,
        "This number is blocked, so nothing is sent to it. Blocked senders, on the Codes page, says by whom.",
    ),
    "no_mobile": (409, "No text may go to this contact: there is no mobile number on record."),
    "no_email": (409, "There is no e-mail address on record for this contact."),
    "no_phone": (409, "There is no phone number on record for this contact."),
    "call_under_way": (
        409,
        "The call is on its way, the phone rings, or somebody is on it. Call again when it is over, or cancel and "
        "choose another way.",
    ),
    "already_ended": (409, "This announced call is over already."),
    "address_not_found": (
        422,
        "That is not an address of this contact. Only numbers and addresses on record can be asked; add it to the "
        "contact first.",
    ),
    "method_unknown": (422, "There is no such method."),
    "method_not_set_up": (409, "That method is not set up here. Choose another one."),
    "method_not_allowed": (409, "The policy of this client does not allow that method. Choose another one."),
    "method_needs_other_address": (422, "That method cannot go to that address. Choose another one."),
    "method_locked": (
        429,
        "Too many wrong codes by this method. Wait, or use another one.",
    ),
    "method_disabled": (
        409,
        "This method is switched off for this contact after 50 wrong codes in a row. An admin can switch it on again.",
    ),
    "direction_conflict": (
        409,
        "This person is checking a caller right now. Whoever is on the phone with them may be after this code. Wait "
        "until that check is over, or have a supervisor override it with a reason.",
    ),
    "denied_lately": (
        409,
        "This person has just said that somebody poses as them. Call them on a number on record. No code or link goes "
        "out to them for half an hour.",
    ),
    "override_not_allowed": (403, "Only a supervisor, or the only technician on duty, may override this."),
    "override_reason_short": (422, "Say why you override it, in 10 characters or more; the reason is reviewed."),
    "address_note_required": (
        422,
        "This is not the contact's usual address, or it is a new one, or the ticket is another person's. Write a note "
        "of 10 characters or more that says why.",
    ),
    "assurance_too_low": (
        409,
        "This method is not enough for what you want to do. Choose a stronger one, or do less.",
    ),
    "sim_swapped": (
        409,
        "The SIM of this number was swapped less than 7 days ago, so somebody else may have it by now. That is not "
        "enough for high-risk work: use a way without this number, or do less.",
    ),
    "approval_required": (
        409,
        "This is not the contact's usual address, or it is a new one. A second person has to agree first: ask a "
        "colleague.",
    ),
    "approval_waiting": (409, "A colleague has been asked and has not decided yet. Wait, or use the usual address."),
    "approval_not_needed": (409, "Nobody has to agree to that: it is the usual address. Go on."),
    "approval_note_short": (422, "Say why, in 10 characters or more: your colleague decides by it."),
    "approval_kind_unknown": (422, "A second person can be asked about an address or about high-risk work."),
    "approval_not_found": (404, "There is no such request here."),
    "approval_over": (409, "Somebody has decided already, or it has run out. Look at what came of it, or ask anew."),
    "too_many_approvals": (
        429,
        "Several requests about this person wait already. Have a colleague decide one, or take one back.",
    ),
    "too_many_asks": (
        429,
        "You have asked colleagues ten times within an hour. Use the usual address, or talk to a colleague until you "
        "may ask again.",
    ),
    "own_approval": (403, "Nobody agrees to their own request. A colleague has to."),
    "not_your_approval": (403, "Another technician has asked for this. Ask for your own."),
    "approval_for_other": (409, "A colleague has agreed to something else. Ask for this address and this ticket."),
    "approver_required": (403, "By this client's policy a supervisor or an admin decides this."),
    "high_not_offered": (
        409,
        "By this client's policy two methods are not enough for high-risk work. Use a stronger one, or do less.",
    ),
    "two_methods_needed": (
        409,
        "The person has to be verified by two independent methods first, one of them a code, such as a code by text "
        "and one by e-mail, both still green and for this ticket. An address that was changed in the last seven days "
        "does not count.",
    ),
    "key_may_not": (403, "A program may not ask for a second person, nor be one. A technician signs in for that."),
    "no_number_of_ours": (
        409,
        "There is no verification number to send from. An admin can add one under Settings, Numbers.",
    ),
    "invalid_number": (409, "This is not a phone number that exists. Correct it on the contact."),
    "not_textable": (409, "This kind of number takes no texts. Call it, or use another way."),
    "not_callable": (409, "Numbers of this kind are not called. Use another number, or another way."),
    "country_not_allowed": (
        409,
        "Texts and calls to this country are switched off. An admin can allow it under Settings, Company.",
    ),
    "no_mail_server": (409, "No mail can go out: no mail server is set up. An admin can add one under Settings, Mail."),
    "wrong_code": (422, "That is not the code."),
    "cross_purpose_code": (
        422,
        "That is the code of a check of a CALLER, which the person must never read out. Somebody may be playing you "
        "and them against each other. Hang up and call the person on a number on record.",
    ),
    "not_a_code": (422, "Type the digits that the person reads to you."),
    "verification_not_found": (404, "There is no such verification here."),
    "verification_over": (409, "This verification is over. Start a new one."),
    "not_a_code_method": (409, "There is no code to type: the person answers on the page behind the link."),
    "not_your_verification": (409, "Another technician has asked for this code. Start your own."),
    "verification_required": (
        409,
        "Nobody was verified for this ticket, and this client's policy asks for that before it is closed. Verify the "
        "person, or write a note that says why not.",
    ),
    "waiver_note_short": (422, "Say in 10 characters or more why nobody was verified; it goes into the ticket."),
    "nothing_to_resend": (409, "A link is never sent twice. Start anew, and the old link stops working."),
    "contended": (503, "Several people are changing this check at once. Try again in a second."),
}
