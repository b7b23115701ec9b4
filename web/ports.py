"""What pages and the API need from above: the engine's acts, and the simulator in demo mode. Implemented in `bot`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from dialogs.turns import AuditEvent

if TYPE_CHECKING:
    from storage.contact_changes import AddressEdit

Role = Literal["technician", "admin"]


@dataclass(frozen=True, slots=True)
class Acting:
    """Who is doing this: a signed-in technician, or a program with an integration key (`kind` is `key`, `log_in_id` the
    key's id, `technician_id` empty, `name` the key's name). `log_in_id` is the log-in it comes by, `kind` how it was
    shown. `proven_at` is when password and second factor were last given. `ui_access`: whether the console is open to
    them, or the pod alone. `scopes`: of a key."""

    tenant_id: str
    technician_id: str
    name: str
    first_name: str
    role: Role
    supervisor: bool
    log_in_id: str
    kind: Literal["cookie", "bearer", "key"]
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
    "too_many_sends": (429, "This person has been sent as many texts as the limits allow."),
    "prefix_paused": (
        429,
        "Texts to numbers like this one pause, because hardly any of the last codes there were answered.",
    ),
    "opted_out": (409, "This number has opted out of texts (STOP). Reach the person another way."),
    "blocked": (409, "This number is blocked, so nothing is sent to it. An admin sees it under Settings, Blocked."),
    "no_mobile": (409, "No text may go to this contact: there is no mobile number on record."),
    "already_ended": (409, "This announced call is over already."),
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
        "Mail is not going out: the mail server fails, or refuses to let us in. Invitations, links to accounts and "
        "alerts by mail wait. An admin can look under Settings, Mail, and send a test.",
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
