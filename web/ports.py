"""What pages and the API need from above: the engine's acts, and the simulator in demo mode. Implemented in `bot`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from dialogs.turns import AuditEvent

if TYPE_CHECKING:
    from dialogs.ways import WayNow
    from storage.contact_changes import AddressEdit

Role = Literal["technician", "admin"]


@dataclass(frozen=True, slots=True)
class Acting:
    """Who is doing this: a signed-in technician, or a program with an integration key (`kind` is `key`, `log_in_id` the
    key's id, `technician_id` empty, `name` the key's name). `log_in_id` is the log-in it comes by, `kind` how it was
    shown; `pod`: by the cookie of a frame inside the ticket system. `proven_at` is when password and second factor were
    last given. `ui_access`: whether the console is open to them, or the pod alone. `scopes`: of a key."""

    tenant_id: str
    technician_id: str
    name: str
    first_name: str
    role: Role
    supervisor: bool
    log_in_id: str
    kind: Literal["cookie", "pod", "bearer", "key"]
    proven_at: datetime
    ui_access: bool = True
    scopes: frozenset[str] = frozenset()

    @property
    def actor_id(self) -> str:
        """The technician's id or the key's: whose calls these are, where that matters and not who they are."""
        return self.technician_id or self.log_in_id


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of an act on a check or an announced call.

    `refused` is empty when it happened, else a machine word that `REFUSALS` turns into a status and a sentence.
    `not_before` is when a refused resend may be tried again.
    """

    id: str
    refused: str = ""
    not_before: datetime | None = None


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
    "too_many_sends": (429, "A message has just gone out there, or as many as the limits allow."),
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
    "call_under_way": (409, "The phone is ringing or the call is still on. Call again when it is over."),
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


@dataclass(frozen=True, slots=True)
class Trouble:
    """A provider that fails, in words: what does not work and what to do, and that it works again."""

    down: str
    back: str


#: Provider -> what it means for people when it fails. For alerts and for the banner on pages.
DEGRADED: Mapping[str, Trouble] = {
    "twilio": Trouble(
        "Texts are not going out: the carrier fails or does not answer. Until it does, call people on a number on "
        "record. Texts that wait go out by themselves; codes whose time runs out do not.",
        "Texts go out again. Whoever waited for a code that has run out texts #verify once more.",
    ),
    "psa": Trouble(
        "The ticket system does not answer. Go on with checks, and link tickets later. New tickets and notes wait, and "
        "are written by themselves once it answers.",
        "The ticket system answers again. What has waited is being written; there is nothing to do.",
    ),
    "mail": Trouble(
        "Mail is not going out: the mail server fails, or refuses to let us in. Verify people by text or by phone "
        "until it does. Invitations, links to accounts and alerts by mail wait. An admin can look under Settings, "
        "Mail, and send a test.",
        "Mail goes out again. What has waited is being sent; there is nothing to do.",
    ),
    "teams": Trouble(
        "Posts to Microsoft Teams do not get through: the workflow fails or does not answer. Watch the console "
        "instead. An admin can look under Settings, Teams.",
        "Posts to Microsoft Teams get through again.",
    ),
}


class Degraded(Protocol):
    """A provider that does not work at the moment."""

    @property
    def provider(self) -> str: ...

    @property
    def since(self) -> datetime: ...


class Post(Protocol):
    """Mail and texts to technicians, by the tenant's own mail server and number; all of it goes by the outbox, so it
    survives a crash and is tried again. What is written may hold a link that lets somebody in: it is never logged."""

    async def can_mail(self, tenant_id: str) -> bool:
        """Whether the tenant has a mail server set up."""
        ...

    async def mail(
        self,
        tenant_id: str,
        *,
        to: str,
        subject: str,
        text: str,
        technician_id: str = "",
        until: datetime | None = None,
    ) -> None:
        """Send a plain mail; not after `until`. Raises LookupError when no mail server is set up."""
        ...

    async def can_text(self, tenant_id: str) -> bool:
        """Whether the tenant has a number and a carrier account to text from."""
        ...

    async def text(
        self, tenant_id: str, *, to: str, text: str, technician_id: str = "", until: datetime | None = None
    ) -> None:
        """Text a technician from the primary verification number; not after `until`. Raises LookupError without one."""
        ...


@dataclass(frozen=True, slots=True)
class CarrierAnswer:
    """What came of asking the carrier, for whoever sets a number up. `status`: HTTP, 0 when nothing was asked or no
    answer came. `body`: the answer as it came, JSON with line breaks. `problem`: what is wrong and what to do, empty
    when nothing is. `sid`: the carrier's id of the text, `state`: its word for how far the text has got, `is_final`
    when no other follows."""

    status: int = 0
    body: str = field(default="", repr=False)
    problem: str = ""
    sid: str = ""
    state: str = ""
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class CarrierFinding:
    """What the carrier has on record about one number of ours, and what to do unless all is well (`ok`)."""

    about: str
    state: Literal["ok", "warn", "fail", "skip"]
    text: str


class CarrierDesk(Protocol):
    """Asks the carrier on behalf of whoever sets the numbers up."""

    async def try_text(self, tenant_id: str, *, sender: str, to: str) -> CarrierAnswer:
        """Send one text that says it is a test, from a number of the tenant's to an E.164 number."""
        ...

    async def look_at_text(self, tenant_id: str, *, sender: str, sid: str) -> CarrierAnswer:
        """How far that text has got."""
        ...

    async def look_at_numbers(self, tenant_id: str) -> Sequence[CarrierFinding]:
        """Where the tenant's numbers send the texts that come in on them."""
        ...


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try. `said`: a sentence; `answer`: what the other side said, word for word, empty where it said
    nothing."""

    ok: bool
    said: str
    answer: str = ""


class Trials(Protocol):
    """Trying mail and Teams out, at once and not by the outbox, for whoever sets them up."""

    async def has_common_mail(self) -> bool:
        """Whether the operator has set a mail server for tenants without one of their own."""
        ...

    async def mail(self, tenant_id: str, *, to: str) -> Tried:
        """A test mail by the server that the tenant's mail goes by."""
        ...

    async def check_post(self, url: str) -> str:
        """Why nothing would be posted to that address of a workflow, empty when it would."""
        ...

    async def post(self, tenant_id: str, connection_id: str) -> Tried:
        """Post "Hello, World"."""
        ...


#: Why nobody could be told of a change: no way out for mail, a number that takes no texts, no number of ours.
Untold = Literal["", "no_mail_server", "landline", "no_number"]


@dataclass(frozen=True, slots=True)
class AddressChanged:
    """What came of a change of how a contact is reached. `refused` is empty when it happened, else a machine word.
    `ended`: checks that ended with it. `told`: a notice is on its way to where they were reached before; `untold` why
    not; both empty when there was nobody to tell."""

    refused: Literal["", "not_found", "changed_meanwhile", "no_client", "address_taken"] = ""
    ended: int = 0
    told: bool = False
    untold: Untold = ""


class ContactActs(Protocol):
    """Changes of how contacts are reached (SEC-13)."""

    async def edit_address(
        self, tenant_id: str, contact_id: str, edit: AddressEdit, event: AuditEvent
    ) -> AddressChanged:
        """Do it, end what runs on the old number, tell the old address, note `event`."""
        ...


class CheckActs(Protocol):
    """Acts on technician verifications and announced calls. `direction` is one of `we_called_user`, `on_site`,
    `remote_session`, `user_called_us`; `ticket` is an id, `new` or `later`."""

    async def claim(
        self, who: Acting, check_id: str, *, direction: str, ticket: str, contact_id: str = ""
    ) -> Acted: ...

    async def release(self, who: Acting, check_id: str) -> Acted: ...

    async def take_over(self, who: Acting, check_id: str) -> Acted: ...

    async def verbal(self, who: Acting, check_id: str, *, note: str) -> Acted: ...

    async def reject(self, who: Acting, check_id: str, *, reason: str) -> Acted: ...

    async def link_ticket(self, who: Acting, check_id: str, *, ticket: str) -> Acted: ...

    async def resend(self, who: Acting, check_id: str) -> Acted: ...

    async def approve_note(self, who: Acting, check_id: str) -> Acted: ...

    async def code_shown(self, who: Acting, check_id: str) -> None:
        """Record that the claimer was shown the code (SEC-02); once per claim is enough."""
        ...

    async def announce(self, who: Acting, *, contact_id: str, direction: str, ticket: str, notify: bool) -> Acted:
        """Announce a call; `Acted.id` is the announced call's."""
        ...

    async def withdraw(self, who: Acting, announced_id: str) -> Acted: ...


@dataclass(frozen=True, slots=True)
class CodeChecked:
    """What came of a typed code. `right`: the caller is verified. Else `refused` says why (`wrong_code` with
    `tries_left`, 0 when it is over now; or another machine word)."""

    id: str
    right: bool = False
    refused: str = ""
    tries_left: int = 0


@dataclass(frozen=True, slots=True)
class LinkShown:
    """What the page behind a verification link shows. `state`: `live`, `verified`, `denied`, `over` (ran out, replaced,
    taken back) or `failed`. `technician` is a first name, `about` a ticket number or empty. `types_number`: two digits
    that the technician says must be typed, `tries_left` times at most. `at`: when it ended, `until`: when it runs out.
    `wording`: the person is also checking a caller, or has just checked this very technician.
    """

    tenant_id: str
    verification_id: str
    state: Literal["live", "verified", "denied", "over", "failed"]
    msp: str
    phone: str
    technician: str
    about: str
    until: datetime
    at: datetime | None = None
    types_number: bool = False
    tries_left: int = 0
    locale: str = ""
    timezone: str = "UTC"
    wording: Literal["usual", "conflict", "introduced"] = "usual"


@dataclass(frozen=True, slots=True)
class CallWords:
    """What our voice webhook answers. `say`: words without a code. `then`: `wait` (the code is on its way by another
    request), `press` (wait for a key, `say` asks for it), or `hang_up`."""

    say: str
    then: Literal["wait", "press", "hang_up"]


class VerificationActs(Protocol):
    """Acts on end-user verifications. `ticket` is an id or empty; `method` and `action` are words of
    `dialogs.user_verify`."""

    async def methods(self, who: Acting, contact_id: str, *, ticket: str = "") -> Sequence[WayNow] | None:
        """Which methods can work now, by address, in the order of the client's policy; None: no such contact."""
        ...

    async def start(
        self,
        who: Acting,
        *,
        contact_id: str,
        address_id: str,
        method: str,
        ticket: str = "",
        note: str = "",
        action: str = "standard",
        override: str = "",
    ) -> Acted:
        """Ask the user. `override`: the reason for which an open check of a caller is set aside, empty for none.
        `Acted.id` is the verification's, `not_before` when a refused send may be tried again."""
        ...

    async def check(self, who: Acting, verification_id: str, *, code: str) -> CodeChecked:
        """The technician typed what they heard. Spaces and dashes do not count."""
        ...

    async def resend(self, who: Acting, verification_id: str) -> Acted: ...

    async def cancel(self, who: Acting, verification_id: str) -> Acted: ...

    async def link_ticket(self, who: Acting, verification_id: str, *, ticket: str) -> Acted: ...

    async def unlock(self, who: Acting, contact_id: str, *, method: str) -> Acted:
        """A method that too many wrong codes have locked may be used again; for admins."""
        ...

    async def look_at_link(self, token: str) -> LinkShown | None:
        """What the page shows; changes nothing. None for a token that is not ours."""
        ...

    async def confirm_link(self, token: str, *, number: str = "") -> LinkShown | None:
        """The person pressed Validate, with the number they typed where one is asked for."""
        ...

    async def disown_link(self, token: str) -> LinkShown | None:
        """The person pressed "This is not me"."""
        ...

    async def call_answered(
        self, tenant_id: str, verification_id: str, *, call_id: str, by: Literal["person", "machine", "unknown"]
    ) -> CallWords: ...

    async def call_keyed(self, tenant_id: str, verification_id: str, *, call_id: str, digit: str) -> CallWords: ...

    async def call_ended(self, tenant_id: str, verification_id: str, *, call_id: str, how: str) -> None: ...


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One thing that left, as the outbox inspector shows it. `to` and `sender` are addresses of the channel."""

    channel: str
    to: str
    sender: str
    text: str
    payload: Mapping[str, object]
    at: datetime


@dataclass(frozen=True, slots=True)
class Phone:
    """A simulated phone: one of the seeded contacts' or an unknown one's."""

    number: str
    label: str


@dataclass(frozen=True, slots=True)
class PsaScreen:
    """A ticket as the simulated ticket system shows it. `tenant` is the short name of whoever uses it; `ticket_id` is
    empty where the screen is of a contact alone."""

    tenant: str
    contact_id: str
    name: str
    company: str
    email: str
    ticket_id: str = ""


CallState = Literal["ringing", "talking", "ended", "declined", "missed", "failed"]


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """A call to a simulated phone. `words`: everything that was spoken so far. `can_press`: somebody is on it."""

    id: str
    state: CallState
    words: str
    at: datetime
    can_press: bool


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """A seeded log-in that the simulator shows. `code` is what its authenticator app would show now."""

    login: str
    password: str
    code: str
    role: str


class Simulator(Protocol):
    """Demo mode only: the stand-ins for everything outside, and the clock."""

    def accounts(self) -> Sequence[DemoAccount]:
        """Who can sign in here, with everything it takes."""
        ...

    def phones(self) -> Sequence[Phone]: ...

    def verification_numbers(self) -> Sequence[str]: ...

    async def text(self, sender: str, to: str, body: str) -> int:
        """Send a text from a simulated phone through the signed webhook; returns the webhook's HTTP status."""
        ...

    def outbox(self) -> Sequence[SentMessage]:
        """Everything that left, newest first."""
        ...

    def received_by(self, phone: str) -> Sequence[SentMessage]:
        """What one phone sent and got, oldest first, for the phone's screen; own texts have `sender` = the phone."""
        ...

    def psa_screens(self) -> Sequence[PsaScreen]:
        """What can be opened in the simulated ticket system, which shows the pod in a frame."""
        ...

    def calls_to(self, phone: str) -> Sequence[PhoneCall]:
        """Calls to one phone, newest first."""
        ...

    def answering(self, phone: str) -> str:
        """How the phone behaves when it rings; a word of `simulator.call_records.MANNERS`."""
        ...

    def set_answering(self, phone: str, how: str) -> bool:
        """From the next call on. False for a word that is not one."""
        ...

    def on_call(self, phone: str, act: str) -> bool:
        """`pick_up`, `hang_up`, or the key that is pressed. False when there is no call for that."""
        ...

    def workflow_address(self) -> str:
        """Where the simulated workflow takes posts to a Teams channel."""
        ...

    def tool_address(self) -> str:
        """Where the demo's stand-in of another tool takes events."""
        ...

    def advance(self, seconds: float) -> datetime:
        """Move the application's clock forward; never back. Returns the new time."""
        ...

    def now(self) -> datetime: ...
