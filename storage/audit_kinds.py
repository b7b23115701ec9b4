"""Every kind of line there is in the log, and what it says. A line whose kind is missing here fails a test."""

from __future__ import annotations

from collections.abc import Mapping

#: By what a kind begins with: kind -> what has happened.
KINDS: Mapping[str, Mapping[str, str]] = {
    "tv.": {
        "tv.issue_code": "A contact asked for a check and a code was sent; with an announced call it claimed itself.",
        "tv.supersede": "A newer request of the same contact took this check's place; its code is dead.",
        "tv.refused_by_limit": "A request for a code was not granted, because the limit named in `limit` was reached.",
        "tv.claim_check": "A technician claimed the check, with a direction and a ticket.",
        "tv.refuse_second_claim": "A claim came after another technician's; nothing changed.",
        "tv.refuse_unclaimed": "A technician wanted what only a claimer may do, and nobody had claimed.",
        "tv.refuse_take_over": "A technician wanted to take over a check that nobody had claimed.",
        "tv.refuse_when_over": "A technician wanted something of a check that was over.",
        "tv.refuse_note_while_live": "The result was to be written to the ticket before there was one.",
        "tv.act_refused": "A technician's act was refused before it reached the check, for the reason in `refused`.",
        "tv.code_shown": "The claimer was shown the code; once for each claimer.",
        "tv.take_over": "Another technician took the check over; the contact was told the new name.",
        "tv.release": "The claimer let the check go; anybody may claim it.",
        "tv.resend": "The same code was sent once more.",
        "tv.also_verifying": "A check was asked for while we were asking the same contact for a code: they were "
        "warned, and `verification` holds its id.",
        "tv.give_hint": "The contact wrote something else while a check was open, and was told what would count.",
        "tv.confirm": "The contact confirmed with the right code, or typed a wrong one: `after` tells which.",
        "tv.confirm_unclaimed": "The contact confirmed before anybody had claimed: a warning first, then the alarm.",
        "tv.confirmed_already": "The contact confirmed once more, shortly after the check was confirmed.",
        "tv.confirm_verbally": "A technician wrote down that the contact said yes out loud.",
        "tv.send_to_right_number": "A confirmation came to another number than the code came from, and did not count.",
        "tv.deny": "The contact said that the caller is not their technician.",
        "tv.deny_afterwards": "The contact denied after the check was over; the alarm was raised all the same.",
        "tv.reject": "A technician ended the check, with a reason.",
        "tv.opt_out": "The contact texted STOP, which ended the check.",
        "tv.expire": "Time ran out.",
        "tv.void": "The operator made the check void: after a restore, or because the contact was erased.",
        "tv.alert_people_on_duty": "Nobody had claimed in time, so the people on duty were to be alerted.",
        "tv.duty_alerted": "The alert went out to as many technicians as `technicians` says, by so many `texts` and "
        "`mails`, and so many `posts` to Teams; `off_duty` 1: nobody on duty could be reached, so everybody else was.",
        "tv.link_ticket": "A ticket was linked, or another one, while the check was live.",
        "tv.link_ticket_afterwards": "A ticket was linked, or another one, after the check was over.",
        "tv.keep_new_ticket": "The new ticket was made; its number is known now.",
        "tv.note_new_ticket": "The new ticket was made after the check was over; the note followed.",
        "tv.drop_new_ticket": "The ticket system refused the new ticket; one is to be linked by hand.",
        "tv.write_note": "A technician had the result written to the ticket.",
        "tv.ignored": "Something came that changes nothing in the state the check was in.",
    },
    "desk.": {
        "desk.stranger": "A text came from a number that no contact has.",
        "desk.plain": "A contact wrote something that is no command.",
        "desk.near_miss": "A contact wrote something close to a command while no check was open.",
        "desk.nothing_open": "A contact confirmed or denied while no check was open.",
        "desk.stopped": "A sender texted STOP.",
        "desk.started": "A sender texted START.",
        "desk.help": "A sender texted HELP.",
        "desk.put_aside": "A text could not be worked through by an error of ours; a person has been told.",
        "desk.blocked": "A text came from a sender whom a technician has blocked; nothing started and nobody answered.",
        "desk.opted_out": "A text came from a sender who had opted out; it was not answered.",
    },
    "euv.": {
        "euv.ask": "A technician asked an end user by the `method`, at the `address`, and for what `action`; with "
        "`lifted_by` the end user had just checked that technician. Note and full address are sealed.",
        "euv.act_refused": "A technician wanted something that was refused beforehand, for the reason in `refused`.",
        "euv.override": "A technician set aside that the end user was checking a caller, for a reason that is sealed; "
        "`alone` 1: as the only one on duty, and not as a supervisor.",
        "euv.supersede": "A newer request to the same contact took this one's place.",
        "euv.send_again": "The same code was sent, or called, once more.",
        "euv.cancel": "The technician took it back, or wanted to and may not: `refused` tells.",
        "euv.check_code": "The technician typed a code: `after` tells whether it was right, `refused` why not. "
        "`cross_purpose_code`: it was the code of a check of a caller.",
        "euv.confirm_link": "Somebody pressed Validate on the page behind the link, or typed a wrong number there.",
        "euv.disown": "The end user said that this is not them, by #deny or on the page behind the link.",
        "euv.disown_afterwards": "The end user said so after it was over; the alarm was raised all the same.",
        "euv.opt_out": "The end user texted STOP, which ended it.",
        "euv.keep_call": "The carrier took the call.",
        "euv.answer_call": "Somebody picked up, or a machine did, which never hears a code.",
        "euv.say_again": "Whoever is on the call pressed a key; 1 has the code read.",
        "euv.end_call": "The call was over; if nobody had heard the code, so was the verification.",
        "euv.count_failed_send": "The provider will never deliver the message, which ended it unless another is out.",
        "euv.expire": "Time ran out.",
        "euv.void": "It was made void: after a restore, or because the contact was erased or has another number.",
        "euv.void_result": "The same after somebody had been verified: the shield ended.",
        "euv.link_ticket": "A ticket was linked, or another one, while it was live.",
        "euv.link_ticket_afterwards": "A ticket was linked, or another one, after it was over.",
        "euv.keep_new_ticket": "The new ticket was made; its number is known now.",
        "euv.note_new_ticket": "The new ticket was made after the verification was over; the note followed.",
        "euv.drop_new_ticket": "The ticket system would not make the new ticket.",
        "euv.refuse_when_over": "A technician wanted something of a verification that was over.",
        "euv.ignored": "Something came that changes nothing in the state it was in.",
        "euv.unlocked": "An admin let a `method` that wrong codes had closed be used for a contact again.",
    },
    "approval.": {
        "approval.ask_second_person": "A technician asked for a second person: for a code or link to the unusual "
        "`address`, or for high-risk work; `approval` says which. Why is sealed.",
        "approval.act_refused": "A technician's act was refused beforehand, for the reason in `refused`.",
        "approval.colleagues_told": "The request went out to as many technicians as `technicians` says, by so many "
        "`texts` and `mails`, and so many `posts` to Teams; `off_duty` 1: nobody on duty could be reached.",
        "approval.grant": "A second person agreed, or was too late: `refused` tells. `rests_on`: the "
        "verifications that high-risk work stands on.",
        "approval.refuse": "A second person refused; why is sealed.",
        "approval.withdraw": "The technician took the request back, or wanted to and may not: `refused` tells.",
        "approval.use": "What was agreed to was used up by the one code or link in `verification`.",
        "approval.expire": "Time ran out: to decide, or to use it.",
        "approval.void": "The operator made it void: after a restore, or because the contact was erased.",
        "approval.refuse_when_decided": "A second person came after somebody had agreed.",
        "approval.refuse_undecided": "A code or link was asked for before anybody had agreed.",
        "approval.refuse_when_over": "Somebody wanted something of a request that was over.",
        "approval.ignored": "Something came that changes nothing in the state it was in.",
    },
    "call.": {
        "call.announced": "A technician announced a call to a contact.",
        "call.withdrawn": "An announced call was taken back.",
    },
    "alert.": {
        "alert.nobody_claimed": "An alert: a check ran out without a claim.",
        "alert.denied": "An alert: a contact said that the caller is not their technician.",
        "alert.late_deny": "An alert: a contact denied after the check was over.",
        "alert.confirmed_unclaimed": "An alert: a contact confirmed twice though nobody had claimed.",
        "alert.wrong_codes": "An alert: too many wrong codes.",
        "alert.prefix_paused": "An alert: texts to a number prefix pause, because of `sent` codes in 24 hours only "
        "`answered` were answered; once for each pause.",
        "alert.nobody_on_duty": "An alert: nobody on duty could be told of an unclaimed check, so everybody else was.",
        "alert.nobody_to_tell": "An alert: nobody at all could be told of an unclaimed check.",
        "alert.euv_denied": "An alert: an end user whom we asked for a code says that it was not them.",
        "alert.cross_purpose": "An alert: the code of a check of a caller was typed where an end user was verified.",
        "alert.override_to_review": "An alert: the only technician on duty overrode an open check of a caller.",
        "alert.many_wrong_codes": "An alert: a technician typed more than 10 wrong codes within an hour.",
        "alert.many_overrides": "An alert: a technician overrode open checks more than 5 times within a day.",
        "alert.acknowledged": "Somebody has seen an alert and taken it off the console.",
    },
    "sender.": {
        "sender.blocked": "A technician blocked a sender for so many `hours`, 0: for good. Number and reason are "
        "sealed.",
        "sender.unblocked": "A blocked sender was let through again.",
    },
    "text.": {
        "text.delivery": "The carrier reported on a text of ours.",
        "text.opted_out": "The carrier refused a text because the receiver had opted out with the carrier.",
    },
    "ticket.": {
        "ticket.closing_waived": "A technician closed a ticket though nobody was verified for it, with a note that is "
        "in the ticket.",
    },
    "outbox.": {
        "outbox.dropped": "Something was not sent, because its time had passed or it was no longer true.",
        "outbox.dead": "Something could not be sent and was given up.",
    },
    "channel.": {
        "channel.degraded": "A provider failed so often that it is tried only now and then: `provider` says which.",
        "channel.back": "The provider works again; what has waited goes out.",
    },
    "timer.": {
        "timer.put_aside": "Something was due for a check and failed by an error of ours; a person has been told.",
    },
    "sign_in.": {
        "sign_in.granted": "Somebody signed in: `way` says cookie, bearer or pod, `factor` totp, recovery_code or "
        "known_browser: then no second factor was asked for. For a pod it says handed_over or compared, and `source` "
        "is the log-in it came from.",
        "sign_in.refused": "A try at an account was refused. `word` says wrong, throttled (once for each time the "
        "account is closed), disabled, ended, or elsewhere: a pod was let in from another network or browser than its "
        "frame is in; `what` says sign_in, proof, link or pod. Logins that do not exist belong to no tenant and are "
        "not here.",
        "sign_in.proven": "A running log-in was proven anew with password and second factor; its token changed.",
        "sign_in.recovery_code_used": "A recovery code stood in for the second factor; `left` are left.",
        "sign_in.recovery_codes_replaced": "Somebody made themselves new recovery codes.",
        "sign_in.ended": "A log-in was ended: signed_out, revoked by its owner, replaced by a newer one, or "
        "by_admin, then of `technician`.",
        "sign_in.link_asked": "Somebody asked for a link to a new password; it went to the account's own address.",
        "sign_in.password_set": "Somebody set a new password by a link; all log-ins ended.",
        "sign_in.password_changed": "Somebody changed their own password; their other log-ins ended.",
    },
    "access.": {
        "access.denied": "Somebody signed in tried what their role may not (not_allowed) or their account (pod_only), "
        "a key tried what its scopes do not name (scope_missing), or a request in somebody's name came from a foreign "
        "page (forged_request); the same at most once an hour.",
    },
    "settings.": {
        "settings.mail_changed": "The mail server was set up or changed; `host` says which one it is now.",
        "settings.mail_removed": "The mail server was taken away.",
        "settings.mail_tried": "A test mail was asked for; `ok` 1: the server took it.",
        "settings.teams_added": "A connection to a Teams channel was added.",
        "settings.teams_changed": "A connection to a Teams channel was changed; `address` 1: its address too.",
        "settings.teams_removed": "A connection to a Teams channel was taken away.",
        "settings.teams_tried": "A test post was asked for; `ok` 1: the workflow took it.",
        "settings.key_made": "An admin made a key for another program: `key` is its id, `scopes` what it may do, "
        "`days` how long.",
        "settings.key_revoked": "An admin revoked the key `key`; it works no more.",
        "settings.text_changed": "The tenant's own wording of a template was set (`own` 1) or taken back (0).",
        "settings.brand_changed": "The looks were changed: `what` says logo, colours or mail.",
        "settings.changed": "Settings of the tenant were changed; `settings` names them.",
        "settings.renamed": "The tenant got another name.",
        "settings.number_added": "A number became the tenant's.",
        "settings.number_primary": "A number became the primary one of its purpose.",
        "settings.number_opt_out": "Who answers STOP, START and HELP on a number was set; `opt_out` says.",
        "settings.number_removed": "A number is the tenant's no longer.",
        "settings.carrier_set": "The account at the carrier was set, or its secrets were.",
        "settings.carrier_removed": "The account at the carrier was removed, with its secrets.",
        "settings.text_tried": "A test text was sent; `status` is what the carrier answered, `taken` 1 if it took it.",
    },
    "webhook.": {
        "webhook.added": "A webhook was added: `webhook` is its id, `events` how many kinds of events it is told of.",
        "webhook.changed": "A webhook got another name, other events, or (`moved` 1) another address.",
        "webhook.rotated": "A webhook got a new secret; the one before signs beside it for a day.",
        "webhook.switched": "A webhook was switched on (`on` 1) or off (0).",
        "webhook.removed": "A webhook was removed, with what it had still to be told.",
        "webhook.sent_by_hand": "Somebody sent a test (`what` test) or an event once more (again).",
        "webhook.gone": "The other side answered 410, so the webhook was switched off.",
        "webhook.given_up": "An event was given up after `tries` tries; `answer` is the last one, 0 for none.",
    },
    "technician.": {
        "technician.duty_changed": "Somebody went on duty (`on_duty` 1) or off (0).",
        "technician.invited": "An admin invited somebody, `technician`, with the rights named.",
        "technician.invited_again": "An admin made another invitation for `technician`; the older link ended.",
        "technician.invitation_withdrawn": "An admin took the invitation of `technician` back.",
        "technician.joined": "Somebody accepted their invitation: password and second factor are set.",
        "technician.changed": "An admin changed the account of `technician`; `changed` names what, and the rights as "
        "they are now stand beside it. Where rights changed, log-ins ended.",
        "technician.profile_changed": "Somebody changed their own account; `changed` names what.",
        "technician.disabled": "An admin switched the account of `technician` off; log-ins and links ended.",
        "technician.enabled": "An admin switched the account of `technician` on again.",
        "technician.second_factor_dropped": "An admin ended the second factor of `technician`, which was lost, with "
        "all log-ins and recovery codes, and made a link for a new one.",
        "technician.password_link_made": "An admin made a link to a new password for `technician`.",
        "technician.second_factor_set": "Somebody set up a new second factor by a link.",
        "technician.log_ins_ended": "An admin ended all log-ins of `technician`.",
    },
    "log.": {
        "log.exported": "An admin exported the log: `lines`, as `format` says, of the days from `since` to `until`; "
        "`opened` 1 with what people wrote.",
        "log.receipt_made": "An admin had a receipt of this verification made, to prove it to others.",
        "log.check_asked": "An admin had the last `lines` lines of the log checked against its seals.",
    },
    "contact.": {
        "contact.added": "Somebody added a contact by hand, with as many `addresses`.",
        "contact.changed": "Somebody changed a contact's name, company or language; `changed` names which. With "
        "another person's name (`as_new` 1) all their numbers count as new, and `ended` verifications ended. With "
        "`source`, here and in the lines below, it came from that contact source, and whoever is named approved it.",
        "contact.address_added": "A contact got another number or e-mail address; where they were reached so far was "
        "told.",
        "contact.address_changed": "A contact's number or e-mail address became another one; the old one was told, "
        "and `ended` checks that ran on it ended.",
        "contact.address_removed": "A number or e-mail address was taken off a contact; it was told, and `ended` "
        "checks that ran on it ended.",
        "contact.address_default": "Another number or e-mail address of a contact is the one to use from now on.",
    },
    "source.": {
        "source.added": "An admin added a contact source: `source` is its id.",
        "source.changed": "An admin changed a contact source; `secret` 1: its secret too.",
        "source.removed": "An admin removed a contact source; its contacts stay.",
        "source.consent_begun": "An admin was sent to an organisation's administrator for consent.",
        "source.consent_refused": "Somebody came back without consent, or not as they were sent; `reason` says why.",
        "source.organisation_connected": "An organisation proved itself and is connected; `directory` is its id there.",
        "source.organisation_mapped": "An admin said whose contacts an organisation's people are: `client`.",
        "source.organisation_disconnected": "An admin disconnected an organisation; its contacts stay.",
        "source.erased_let_back": "An admin let people of an organisation who were erased here be taken over again.",
        "source.sync_asked": "Somebody had an organisation read at once.",
        "source.synced": "An organisation was read to the end: so many were `added`, `matched` with contacts that were "
        "here, `renamed` or `gone`, and so many addresses are to change (`changes`). Rounds that brought nothing "
        "new are not noted.",
        "source.problem": "An organisation could not be read, for another reason than the last time: `problem`.",
        "source.changes_wait": "A round found more `changes` than come about by themselves: an admin is to decide.",
        "source.changes_approved": "An admin had as many `changes` carried out as waited.",
        "source.changes_refused": "An admin refused as many `changes` as waited.",
    },
    "client.": {
        "client.added": "Somebody added a client.",
        "client.renamed": "Somebody gave a client another name.",
    },
    "import.": {
        "import.looked_at": "A file of contacts was read and kept for a day at most; nobody was added.",
        "import.discarded": "A file of contacts was put away without bringing anybody in.",
        "import.begun": "Bringing in a file of contacts was begun.",
        "import.done": "A file of contacts was brought in: `added` contacts, `added_clients`, `there_already`.",
        "import.undo_begun": "Taking an import back was begun.",
        "import.undone": "An import was taken back: `removed` contacts, `removed_clients`; `stayed` are referred to.",
    },
    "installation.": {
        "installation.backed_up": "A backup of everything was taken, `rows` rows; it opens with the master key `key`.",
        "installation.key_rotated": "The keys were put under another master key, `key`.",
        "installation.key_printed": "Somebody wrote the master key `key` on a sheet to print.",
        "installation.log_not_sealed": "The log did not fit its seals, or could not be sealed; every console was told.",
        "installation.restored": "The database was restored from a backup that had `lines` of the log, and what older "
        "epochs had open is void: `checks`, `texts`, `log_ins`, `calls`, `recovery_codes`, `links` say how many. "
        "`seen`: lines that the last signed head outside had covered.",
    },
    "operator.": {
        "operator.tenant_added": "The tenant was added.",
        "operator.tenant_renamed": "The tenant got another name.",
        "operator.settings_changed": "Settings of the tenant were changed; `settings` names them.",
        "operator.number_added": "A number became the tenant's.",
        "operator.number_removed": "A number is the tenant's no longer.",
        "operator.number_primary": "A number became the primary one of its purpose.",
        "operator.carrier_set": "The account at the carrier was set, or its secrets were.",
        "operator.user_added": "Somebody got an account.",
        "operator.user_invited": "Somebody was invited, or got another link for it.",
        "operator.user_disabled": "An account was switched off; its log-ins ended.",
        "operator.user_enabled": "An account was switched on again.",
        "operator.second_factor_reset": "Somebody got a new second factor and recovery codes; their log-ins ended.",
        "operator.client_added": "A client was added.",
        "operator.contact_erased": "A contact was erased: the key, the name, the addresses and every word are gone; "
        "this log and the ids stay.",
        "operator.contacts_added": "Contacts were added, as many as the counts say.",
        "operator.log_exported": "The log was exported: `lines`, as `format` says; `opened` 1 with what people wrote.",
    },
}

#: What the kinds that begin so are about; the headings of the reference page.
ABOUT: Mapping[str, str] = {
    "tv.": "Technician verification",
    "euv.": "End-user verification",
    "approval.": "A second person",
    "desk.": "Texts that belong to no check",
    "call.": "Announced calls",
    "alert.": "Alerts",
    "sender.": "Blocked senders",
    "text.": "Texts on their way",
    "ticket.": "Tickets",
    "outbox.": "What did not leave",
    "channel.": "Providers that fail",
    "timer.": "What was due and could not be done",
    "sign_in.": "Signing in",
    "access.": "Denied",
    "settings.": "Settings, by an admin",
    "webhook.": "Other tools",
    "technician.": "Technicians",
    "log.": "The log itself",
    "contact.": "Contacts",
    "source.": "Contacts from Microsoft 365",
    "client.": "Clients, by hand",
    "import.": "Files of contacts",
    "installation.": "The installation",
    "operator.": "The operator's commands",
}

INTRO = """# Lines of the audit log

This page is generated from `storage/audit_kinds.py`; edit that, then run `python3 dev.py generate`.

Each line is written in the transaction of what it tells of: if one fails, so does the other. A line has ids, kinds,
words and counts that technicians may read (`facts` in the API, in quotes of code below), and a sealed part with what
people said or wrote. Neither ever holds a password, a code, a token, or a login that was typed wrong. Lines about
signing in and about acts on pages carry `address`, the network (/24 or /48) they came from, and `by_log_in`, the log-in
that was used, or `by_key`, the integration key.
"""


def page() -> str:
    """The reference page, ending in one newline."""
    lines = [INTRO]
    for begins, heading in ABOUT.items():
        lines += [f"## {heading}\n", "| kind | what has happened |\n|---|---|"]
        lines += [f"| `{kind}` | {meaning} |" for kind, meaning in KINDS[begins].items()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
