"""What the API takes and gives, as models: checked on the way in, described on the way out."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar, get_args

from pydantic import AwareDatetime, Field

from dialogs.user_verify import Assurance, Method
from web.answers import Moment, Reply
from web.bodies import Strict

T = TypeVar("T")

Direction = Literal["we_called_user", "on_site", "remote_session", "user_called_us"]
State = Literal["open", "claimed", "confirmed", "denied", "rejected", "superseded", "expired", "alarm"]
TicketChoice = Literal["ticket", "new", "later"]
#: Stored words to literals; one that is not here is our mistake and fails loudly.
DIRECTIONS: dict[str, Direction] = {word: word for word in get_args(Direction)}
STATES: dict[str, State] = {word: word for word in get_args(State)}
TICKET_CHOICES: dict[str, TicketChoice] = {word: word for word in get_args(TicketChoice)}
Name = Annotated[str, Field(min_length=1, max_length=254)]
Id = Annotated[str, Field(min_length=1, max_length=64)]
Ticketish = Annotated[str, Field(min_length=1, max_length=64, description="A ticket's id, `new` or `later`.")]
Locale = Annotated[str, Field(max_length=16, pattern=r"^([A-Za-z]{2,3}([-_][A-Za-z0-9]+)*)?$")]
Words = Annotated[str, Field(max_length=2000)]


class Listed(Reply, Generic[T]):
    """A page of a list. `next` goes into the query as `after` for the page behind it; null at the end."""

    items: list[T]
    next: str | None = None


# --- what comes in --------------------------------------------------------------------------------------------------


class SignInWith(Strict):
    """Login, password and the code of the authenticator app, or one of the recovery codes in its place."""

    login: Name
    password: Annotated[str, Field(min_length=1, max_length=128)]
    totp: Annotated[str, Field(max_length=64)] = ""
    recovery_code: Annotated[str, Field(max_length=64)] = ""


class StepUpWith(Strict):
    """Password and second factor once more."""

    password: Annotated[str, Field(min_length=1, max_length=128)]
    totp: Annotated[str, Field(max_length=64)] = ""
    recovery_code: Annotated[str, Field(max_length=64)] = ""


class ClaimWith(Strict):
    """How the technician is with the user, and the ticket. `contact_id` when the number stands on several contacts."""

    direction: Direction
    ticket: Ticketish
    contact_id: Annotated[str, Field(max_length=64)] | None = None


class VerbalWith(Strict):
    """What the person said."""

    note: Words


class RejectWith(Strict):
    """Why it is ended."""

    reason: Words


class TicketWith(Strict):
    """A ticket's id, or `new`."""

    ticket: Ticketish


class AnnounceWith(Strict):
    """Whom the technician is about to call. `notify`: text it to them too."""

    contact_id: Id
    direction: Direction
    ticket: Ticketish
    notify: bool = False


class NewTicketWith(Strict):
    """A ticket to open, for a contact or at least for a client."""

    contact_id: Annotated[str, Field(max_length=64)] = ""
    client_id: Annotated[str, Field(max_length=64)] = ""
    title: Annotated[str, Field(min_length=1, max_length=200)]
    body: Annotated[str, Field(max_length=20_000)] = ""


class NoteWith(Strict):
    """A note for a ticket. `internal`: the end user does not see it."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    internal: bool = True


class StatusWith(Strict):
    """A ticket's new state, in the ticket system's own word (`open` and `closed` in the built-in one). `waiver`: why
    nobody was verified, where the policy wants that before a ticket is closed (`verification_required`)."""

    status: Annotated[str, Field(min_length=1, max_length=60)]
    waiver: Annotated[str, Field(max_length=2000)] = ""


class BlockWith(Strict):
    """Whom to block: a phone number in E.164, or whoever sent what a check began with. `hours` null: for good, which
    takes a supervisor or an admin."""

    address: Annotated[str, Field(max_length=254)] = ""
    check_id: Annotated[str, Field(max_length=64)] = ""
    hours: Annotated[int, Field(ge=1, le=8760)] | None = 24
    reason: Annotated[str, Field(min_length=5, max_length=300)]


class TextQuery(Strict):
    """In which language; empty for the tenant's usual one."""

    locale: Locale = ""


class TextWith(TextQuery):
    """Own wording for one template; empty text goes back to ours."""

    text: Annotated[str, Field(max_length=1600)]


class Paged(Strict):
    """A list in pages. `after`: the `next` of the page before."""

    after: Annotated[str, Field(max_length=1000)] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class CheckQuery(Paged):
    """Which technician verifications."""

    state: State | None = None
    contact_id: Annotated[str, Field(max_length=64)] = ""
    ticket: Annotated[str, Field(max_length=64)] = ""
    live: bool | None = None


class AnnouncedQuery(Strict):
    """Whose announced calls: those to one contact, or your own."""

    contact_id: Annotated[str, Field(max_length=64)] = ""


class ContactQuery(Paged):
    """Which contacts: by phone number, by e-mail address, or by a part of the name."""

    phone: Annotated[str, Field(max_length=40)] = ""
    email: Annotated[str, Field(max_length=254)] = ""
    q: Annotated[str, Field(max_length=100)] = ""


class TicketQuery(Strict):
    """Which tickets. `q` is part of a title, or a whole number. `open`: true leaves the closed ones out."""

    contact_id: Annotated[str, Field(max_length=64)] = ""
    client_id: Annotated[str, Field(max_length=64)] = ""
    q: Annotated[str, Field(max_length=100)] = ""
    open: bool = False
    technician_id: Annotated[str, Field(max_length=64)] = ""
    after: Annotated[str, Field(max_length=1000)] = ""


class AuditQuery(Paged):
    """Which rows of the log. From `since`, before `until`, both with their zone: `2026-03-01T00:00:00Z`."""

    check_id: Annotated[str, Field(max_length=64)] = ""
    contact_id: Annotated[str, Field(max_length=64)] = ""
    client_id: Annotated[str, Field(max_length=64)] = ""
    technician_id: Annotated[str, Field(max_length=64)] = ""
    ticket: Annotated[str, Field(max_length=64)] = ""
    kind: Annotated[str, Field(max_length=48)] = ""
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class ReportQuery(Strict):
    """Which month, in the time zone of the tenant; the running one when empty."""

    month: Annotated[str, Field(max_length=7, pattern=r"^(2\d{3}-(0[1-9]|1[0-2]))?$", examples=["2026-03"])] = ""


# --- what goes out --------------------------------------------------------------------------------------------------


class TechnicianRef(Reply):
    """A technician, by id and the name people use."""

    id: str
    name: str


class SignedIn(Reply):
    """A log-in as bearer token. It is shown here and nowhere else."""

    token: str
    expires_at: Moment
    technician: TechnicianRef
    recovery_codes_left: int | None = None


class ContactRef(Reply):
    """A contact one may pick."""

    id: str
    name: str
    client: str


class Verification(Reply):
    """A technician verification: the end user checks the technician.

    `code` is there for its claimer alone, and only while it lives. `contact_id` is null while the number stands on
    several contacts, which `candidates` then names. `technician` is who has claimed it. `ticket` is the ticket's id,
    null while there is none; `ticket_choice` says whether one is being made (`new`) or owed (`later`).
    """

    kind: Literal["technician"] = "technician"
    id: str
    contact_id: str | None
    contact_name: str | None
    client: str | None
    candidates: list[ContactRef]
    channel: str
    number: str
    state: State
    code: str | None
    ticket: str | None
    ticket_number: str | None
    ticket_choice: TicketChoice | None
    technician: TechnicianRef | None
    direction: Direction | None
    announced: bool
    assurance: str | None
    reason: str | None
    needs_ticket: bool
    logged: str | None
    delivery: str | None
    delivery_words: str | None
    created_at: Moment
    expires_at: Moment | None
    ended_at: Moment | None


class Announced(Reply):
    """An announced call: a `#verify` of this contact claims itself until `expires_at`."""

    id: str
    contact_id: str
    contact_name: str
    technician: TechnicianRef
    direction: Direction
    ticket: str | None
    ticket_number: str | None
    ticket_choice: TicketChoice
    created_at: Moment
    expires_at: Moment


class ShieldShown(Reply):
    """Whether an address is verified now. Green until `until`, for `ticket`, or for any where that is null. The other
    fields are null while it is red."""

    state: Literal["green", "red"]
    until: Moment | None = None
    at: Moment | None = None
    verification_id: str | None = None
    method: Method | None = None
    assurance: Assurance | None = None
    technician: TechnicianRef | None = None
    ticket: str | None = None
    ticket_number: str | None = None


class Address(Reply):
    """A way to reach a contact. `kind` is mobile, phone or email."""

    id: str
    kind: str
    value: str
    default: bool
    changed_at: Moment | None
    shield: ShieldShown


class Contact(Reply):
    """A person at a client. `verified`: whether any of their addresses is green."""

    id: str
    name: str
    client_id: str
    client: str
    addresses: list[Address]
    verified: bool


class Ticket(Reply):
    """A ticket in the tenant's ticket system. `number` is what people read, `status` the system's own word. `verified`:
    a shield of its contact is green for it now; `verify_url`: the page on which the contact is verified for it."""

    id: str
    number: str
    title: str
    status: str
    open: bool
    client_id: str | None
    contact_id: str | None
    technician_id: str | None
    url: str | None
    verified: bool
    verify_url: str | None


class Blocked(Reply):
    """A blocked sender. `until` is null for a block that is for good."""

    address: str
    reason: str
    technician_id: str
    at: Moment
    until: Moment | None


class Note(Reply):
    """A note on a ticket. `internal`: the end user does not see it."""

    at: Moment
    author: str
    body: str
    internal: bool


class TicketWithNotes(Ticket):
    """A ticket with everything that was written to it, oldest first."""

    notes: list[Note]


class AuditRow(Reply):
    """One line of the log as technicians may read it: ids, kinds and counts, never what was said or written."""

    id: str
    seq: int | None
    at: Moment
    kind: str
    check_id: str | None
    contact_id: str | None
    technician_id: str | None
    ticket_id: str | None
    conversation_id: str | None
    channel: str | None
    facts: dict[str, str | int]


class Calls(Reply):
    """Some calls. `outcomes`: how many ended how; they add up to `calls`. `share`: verified calls of all, from 0 to 1,
    null where there was none. The medians are in seconds, from `#verify`: until a technician was first shown the code,
    and until the person confirmed."""

    calls: int
    verified: int
    share: float | None
    median_seconds_to_code: float | None
    median_seconds_to_confirm: float | None
    outcomes: dict[str, int]


class CallsOf(Calls):
    """The same of one client, technician or channel. `id` is null for calls of nobody, `name` for one that is gone."""

    id: str | None
    name: str | None


class DayOfReport(Reply):
    """One day, by the tenant's clocks."""

    day: str
    calls: int
    verified: int
    denied: int
    alarms: int
    texts: int
    segments: int


class Report(Reply):
    """A month's figures. Each is defined in docs/how-to/reports.md, and on the page of reports. `running`: checks that
    are not over and not counted. `refused`: requests that started no check, by why. `technicians` holds everybody for
    supervisors, admins and keys, for others themselves alone."""

    month: str
    timezone: str
    total: Calls
    running: int
    clients: list[CallsOf]
    technicians: list[CallsOf]
    methods: list[CallsOf]
    refused: dict[str, int]
    alerts: dict[str, int]
    texts: int
    segments: int
    texts_not_delivered: int
    days: list[DayOfReport]


class AlertShown(Reply):
    """Something a person must look at; it stays until somebody has."""

    id: str
    kind: str
    at: Moment
    text: str
    check_id: str | None
    contact_id: str | None


class OwnText(Reply):
    """The wording of one template. `own` is false while it is ours."""

    template: str
    locale: str
    text: str
    own: bool
