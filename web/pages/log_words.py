"""Lines of the log in plain words: who did what. What nobody has put into words here says what the log's own list says
of its kind."""

from __future__ import annotations

from collections.abc import Mapping

from dialogs.user_verify import Action, Method
from storage.audit_kinds import KINDS
from storage.log import LogRow
from web.look import _
from web.pages.check_cards import ASSURANCES
from web.pages.log_words_approving import said_of
from web.pages.log_words_sources import said_of as said_of_sources
from web.pages.log_words_verifying import PRESSED, TYPED
from web.pages.log_words_verifying import SAID as SAID_OF_VERIFYING
from web.pages.verify_words import ACTIONS_IN_WORDS, DID, REASONS
from web.pages.verify_words import ASSURANCES as ASSURANCES_OF_USERS
from web.ports import REFUSALS

#: `{who}` is the technician, the operator or Watchword itself; `{contact}` the person at the client.
SAID: Mapping[str, str] = {
    "tv.issue_code": _("{contact} asked for a check; the code was sent"),
    "tv.supersede": _("{contact} asked again: a newer check took this one's place"),
    "tv.refused_by_limit": _("{contact} asked for a check; it was not started, as a limit was reached"),
    "tv.claim_check": _("{who} claimed the check of {contact}"),
    "tv.refuse_second_claim": _("{who} tried to claim the check of {contact}, which somebody had already"),
    "tv.refuse_unclaimed": _("{who} tried something that only the claimer may do; nobody had claimed"),
    "tv.refuse_take_over": _("{who} tried to take over a check that nobody had claimed"),
    "tv.refuse_when_over": _("{who} tried something on a check that was over"),
    "tv.refuse_note_while_live": _("{who} tried to write the result before there was one"),
    "tv.act_refused": _("{who} was refused"),
    "tv.code_shown": _("{who} was shown the code of {contact}"),
    "tv.take_over": _("{who} took over the check of {contact}"),
    "tv.release": _("{who} let the check of {contact} go"),
    "tv.resend": _("{who} had the same code sent to {contact} once more"),
    "tv.also_verifying": _("{contact} asked for a check while they were being verified, and was warned"),
    "tv.give_hint": _("{contact} wrote something else, and was told what would count"),
    "tv.confirmed_already": _("{contact} confirmed once more; it was confirmed already"),
    "tv.confirm_verbally": _("{who} wrote down that {contact} said yes out loud"),
    "tv.send_to_right_number": _("{contact} confirmed to another number; it did not count"),
    "tv.deny": _("{contact} said that the caller is not their technician"),
    "tv.deny_afterwards": _("{contact} said, after the check was over, that the caller is not their technician"),
    "tv.reject": _("{who} ended the check of {contact}"),
    "tv.opt_out": _("{contact} texted STOP, which ended the check"),
    "tv.expire": _("The time of {contact}'s check ran out"),
    "tv.void": _("The check of {contact} was made void"),
    "tv.alert_people_on_duty": _("Nobody had claimed the check of {contact}: the people on duty were to be alerted"),
    "tv.duty_alerted": _("The alert about {contact}'s check went out"),
    "tv.link_ticket": _("{who} linked a ticket"),
    "tv.link_ticket_afterwards": _("{who} linked a ticket after the check was over"),
    "tv.keep_new_ticket": _("The new ticket was made"),
    "tv.note_new_ticket": _("The new ticket was made, and the result was written to it"),
    "tv.drop_new_ticket": _("The ticket system refused the new ticket; one is to be linked by hand"),
    "tv.write_note": _("{who} had the result written to the ticket"),
    "tv.ignored": _("Something came that changed nothing"),
    "desk.stranger": _("A text came from a number that no contact has"),
    "desk.plain": _("{contact} wrote something that is no command"),
    "desk.near_miss": _("{contact} wrote something close to a command; no check was open"),
    "desk.nothing_open": _("{contact} confirmed or denied; no check was open"),
    "desk.stopped": _("{contact} opted out of texts (STOP)"),
    "desk.started": _("{contact} opted in to texts again (START)"),
    "desk.help": _("{contact} texted HELP"),
    "desk.put_aside": _("A text of {contact} could not be worked through"),
    "desk.opted_out": _("{contact} wrote, and had opted out: no answer"),
    "desk.blocked": _("A blocked sender wrote: no answer"),
    "call.announced": _("{who} said they were about to call {contact}"),
    "call.withdrawn": _("{who} took back that they were about to call {contact}"),
    "alert.nobody_claimed": _("Alert: nobody claimed the check of {contact}"),
    "alert.denied": _("Alert: {contact} said that the caller is not their technician"),
    "alert.late_deny": _("Alert: {contact} denied after the check was over"),
    "alert.confirmed_unclaimed": _("Alert: {contact} confirmed twice though nobody had claimed"),
    "alert.wrong_codes": _("Alert: too many wrong codes from {contact}"),
    "alert.prefix_paused": _("Alert: texts to a range of numbers pause, as hardly any code there was answered"),
    "alert.acknowledged": _("{who} took an alert off the console"),
    "text.delivery": _("The carrier reported on a text or call to {contact}"),
    "text.opted_out": _("The carrier refused a text to {contact}, who had opted out there"),
    "outbox.dropped": _("Something for {contact} was not sent any more"),
    "outbox.dead": _("Something for {contact} could not be sent and was given up"),
    "channel.degraded": _("A provider fails and is tried only now and then"),
    "channel.back": _("The provider works again"),
    "timer.put_aside": _("Something that was due for a check failed by an error of ours"),
    "sign_in.granted": _("{who} signed in"),
    "sign_in.refused": _("A sign-in to the account of {who} was refused"),
    "sign_in.proven": _("{who} proved once more that it is them"),
    "sign_in.recovery_code_used": _("{who} used a recovery code"),
    "sign_in.recovery_codes_replaced": _("{who} made new recovery codes"),
    "sign_in.ended": _("A log-in of {who} ended"),
    "access.denied": _("{who} was refused something they may not do"),
    "settings.text_changed": _("{who} changed the wording of a text"),
    "settings.key_made": _("{who} made a key for another program"),
    "settings.key_revoked": _("{who} revoked the key of another program"),
    "technician.duty_changed": _("{who} went on duty or off"),
    "log.exported": _("{who} exported the log"),
    "log.receipt_made": _("{who} had a receipt of a check made"),
    "log.check_asked": _("{who} had the log checked against its seals"),
    "installation.backed_up": _("A backup of everything was taken"),
    "installation.key_rotated": _("The keys were put under another master key"),
    "installation.key_printed": _("The master key was written on a sheet to print"),
    "installation.log_not_sealed": _("The log did not fit its seals, or could not be sealed"),
    "installation.restored": _("The database was restored from a backup"),
}
#: Of a confirmation, by the state it led to; the log has one kind for right and wrong codes.
_CONFIRMED: Mapping[str, str] = {
    "confirmed": _("{contact} confirmed"),
    "claimed": _("{contact} typed a wrong code"),
    "open": _("{contact} confirmed before anyone had claimed, and was warned"),
    "alarm": _("{contact}: alarm, as confirmations or codes did not fit"),
    "expired": _("{contact} confirmed too late"),
}
#: Facts of a line that are worth a word, and what they are called.
_NAMES: Mapping[str, str] = {
    "refused": _("why"),
    "limit": _("limit"),
    "assurance": _("worth"),
    "direction": _("how"),
    "technicians": _("people told"),
    "status": _("now"),
    "error": _("error"),
    "provider": _("provider"),
    "settings": _("settings"),
    "template": _("text"),
    "lines": _("lines"),
    "format": _("as"),
    "way": _("with a"),
    "word": _("why"),
    "on_duty": _("on duty"),
    "left": _("left"),
    "reason": _("reason"),
    "changed": _("what"),
    "hours": _("hours"),
    "sent": _("sent"),
    "answered": _("answered"),
}
#: The same of verifications alone; elsewhere these names mean something else.
_NAMES_OF_VERIFYING: Mapping[str, str] = {**_NAMES, "method": _("by"), "action": _("for")}
_DIRECTIONS: Mapping[str, str] = {
    "we_called_user": _("on the phone"),
    "on_site": _("on site"),
    "remote_session": _("in a remote session"),
    "user_called_us": _("they called us"),
}
#: What the answer of an end user is worth; `verbal` means something else in a check of a caller.
_WORTH_OF_USERS: Mapping[str, str] = {strength.value: words for strength, words in ASSURANCES_OF_USERS.items()}
#: Why something ended, or by which way an answer came.
_REASONS: Mapping[str, str] = {
    **REASONS,
    "deadline": _("time ran out"),
    "page": _("on the page behind the link"),
    "text": _("by text"),
}


def sentence_of(row: LogRow, who: str, contact: str) -> str:
    """What happened, in one sentence. `contact` is empty where nobody is known."""
    after = str(row.public.get("after", ""))
    if row.kind in ("tv.confirm", "tv.confirm_unclaimed"):
        said = _CONFIRMED.get(after, SAID["tv.ignored"])
    elif row.kind in ("euv.check_code", "euv.confirm_link"):
        outcomes = TYPED if row.kind == "euv.check_code" else PRESSED
        said = outcomes.get(after, SAID_OF_VERIFYING["euv.ignored"])
    else:
        known = SAID.get(row.kind) or SAID_OF_VERIFYING.get(row.kind) or said_of(row) or said_of_sources(row)
        said = known or meaning(row.kind)
    whole = said.replace("{who}", who).replace("{contact}", contact or _("somebody"))
    return whole[:1].upper() + whole[1:]


def meaning(kind: str) -> str:
    """What the log's own list says of a kind, without its marks; the kind itself where a newer version wrote it."""
    group = KINDS.get(kind.partition(".")[0] + ".", {})
    return group.get(kind, kind).replace("`", "").rstrip(".")


def details_of(row: LogRow, *, everything: bool = False) -> tuple[tuple[str, str], ...]:
    """Further facts as name and value. `everything`: also those without a word of their own, as the log has them."""
    names = _NAMES_OF_VERIFYING if row.kind.startswith("euv.") else _NAMES
    worth = _WORTH_OF_USERS if row.kind.startswith("euv.") else ASSURANCES
    shown = [(name, _value(name, value, worth)) for name, value in row.public.items() if name in names]
    named = [(names[name], value) for name, value in shown if value]
    if everything:
        rest = [(name.replace("_", " "), str(value)) for name, value in row.public.items() if name not in names]
        named += [(name, value) for name, value in rest if value]
    return tuple(named)


def _value(name: str, value: str | int, worth: Mapping[str, str]) -> str:
    match name:
        case "refused" | "word" if value in REFUSALS:
            return REFUSALS[str(value)][1]
        case "direction":
            return _DIRECTIONS.get(str(value), str(value))
        case "assurance":
            return worth.get(str(value), str(value))
        case "reason":
            return _REASONS.get(str(value), str(value).replace("_", " "))
        case "method":
            return DID[Method(str(value))] if value in list(Method) else str(value)
        case "action":
            return ACTIONS_IN_WORDS[Action(str(value))] if value in list(Action) else str(value)
        case "way":
            ways = {"cookie": _("browser"), "bearer": _("program"), "pod": _("pod")}
            return ways.get(str(value), str(value))
        case "on_duty":
            return _("yes") if value else _("no")
        case _:
            return str(value).replace("_", " ")
