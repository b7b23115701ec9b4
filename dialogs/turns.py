"""What a turn reads and what it writes, as values: the contract between the engine and every turn store.

A store loads the facts an ask names, calls the engine's pure `decide`, and writes the decision, all in one
transaction, many turns to a transaction where it can. `decide` may be called again when a version has moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeAlias, TypeVar

from dialogs import user_verify as uv
from dialogs.desk import Desk
from dialogs.limits import SendCounts
from dialogs.messages import Inbound
from dialogs.settings import TenantSettings
from dialogs.tech_verify import State

R = TypeVar("R")

#: Why no text of ours may go to an address: its owner said STOP, or a technician blocked it. Empty: it may.
Barred: TypeAlias = Literal["", "opted_out", "blocked"]

# --- facts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """The tenant a turn belongs to. `digest_key` keys the digests of typed codes; it never leaves the process."""

    id: str
    name: str
    settings: TenantSettings
    digest_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """One of the tenant's own numbers. `opt_out_by`: who answers STOP, START and HELP on it."""

    id: str
    address: str
    purpose: Literal["verification", "channel", "voice"]
    primary: bool
    opt_out_by: Literal["carrier", "watchword"]


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """A person at a client. `locale` is empty where the tenant's applies."""

    id: str
    name: str
    client_id: str
    client_name: str
    locale: str = ""


@dataclass(frozen=True, slots=True)
class StoredCheck:
    """One technician verification as stored. `contact_id` is empty while the number stands on several contacts."""

    id: str
    version: int
    state: State
    channel: str
    our_address: str
    their_address: str
    conversation_id: str
    contact_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredDesk:
    """The conversation a text belongs to; its version serialises the turns of one sender (REL-09)."""

    conversation_id: str
    version: int
    desk: Desk


@dataclass(frozen=True, slots=True)
class AnnouncedCall:
    """A technician's word that they are calling a contact. `ticket_id` and `ticket_number` are empty for a choice of
    `new` or `later`, which `ticket` then says."""

    id: str
    contact_id: str
    technician_id: str
    technician_name: str
    direction: str
    ticket: Literal["ticket", "new", "later"]
    ticket_id: str
    ticket_number: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredVerification:
    """One end-user verification as stored. `their_address` is the full number or e-mail address it went to,
    `our_address` the number it came from (empty for e-mail)."""

    id: str
    version: int
    state: uv.State
    contact_id: str
    our_address: str
    their_address: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AddressFacts:
    """One way to reach a contact. `kind` is mobile, phone or email. `changed_at`: when a person last changed it, None
    for a first import. `suppressed`: why no text may go there (numbers only). `sends`: counted where the ask says
    so."""

    id: str
    kind: str
    value: str
    is_default: bool
    changed_at: datetime | None
    suppressed: Barred = ""
    sends: SendCounts = field(default_factory=SendCounts)


@dataclass(frozen=True, slots=True)
class Try:
    """One answer to a verification, or an admin's word that a method may be used again (`reset`). Locks are counted
    from these, per contact and method."""

    id: str
    verification_id: str
    contact_id: str
    method: uv.Method
    technician_id: str
    at: datetime
    outcome: Literal["right", "wrong", "reset"]


# --- asks: which facts ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InboundAsk:
    """A text has come in. `with_limits`: count unanswered challenges too (only `#verify` needs them).

    The inbound is recorded with the turn; a repeat of `(provider, provider_id)` or of `replay_digest` is a duplicate,
    for ever (SEC-23).
    """

    inbound: Inbound
    with_limits: bool = False


@dataclass(frozen=True, slots=True)
class CheckAsk:
    """Something happens to one check: a technician acts, a timer rings, the PSA answers.

    `once`: a key under which this may happen one time only, empty when repeats are harmless. `timer`: the name of the
    timer that rang; the row is removed with the turn, and its absence makes the turn a duplicate. `pick`: a contact
    to look up. `technician_id` with `with_limits`: whose sends to count.
    """

    tenant_id: str
    check_id: str
    once: str = ""
    timer: str = ""
    pick: str = ""
    technician_id: str = ""
    with_limits: bool = False


@dataclass(frozen=True, slots=True)
class AnnounceAsk:
    """A technician announces a call to a contact, or takes the announcement back (`withdraw`: its id).

    `with_limits` asks for the counts too, with `technician_id` for the bound per technician."""

    tenant_id: str
    contact_id: str
    withdraw: str = ""
    technician_id: str = ""
    with_limits: bool = False


@dataclass(frozen=True, slots=True)
class VerificationAsk:
    """A verification of an end user begins (`contact_id`), or something happens to one (`verification_id`, whose
    contact is looked up then).

    `once` and `timer` as for a check. `technician_id`: whose wrong codes and overrides to count. `with_limits`: count
    sends, to the address `address_id` or, where that is empty, to every address of the contact.
    """

    tenant_id: str
    contact_id: str = ""
    verification_id: str = ""
    address_id: str = ""
    technician_id: str = ""
    once: str = ""
    timer: str = ""
    with_limits: bool = False


Ask: TypeAlias = InboundAsk | CheckAsk | AnnounceAsk | VerificationAsk


@dataclass(frozen=True, slots=True)
class InboundFacts:
    """What an inbound text finds.

    `contacts`: all that have the sender's address, by name. `checks`: every live check of this sender (on any of our
    numbers) or of these contacts, and the newest ended one of this sender, newest first. `announced`: live announced
    calls to these contacts. `suppressed`: the sender opted out of the number written to, or of the tenant, or is
    blocked.
    """

    tenant: TenantFacts
    number: NumberFacts
    contacts: tuple[ContactFacts, ...]
    desk: StoredDesk | None
    checks: tuple[StoredCheck, ...]
    announced: tuple[AnnouncedCall, ...]
    suppressed: Barred
    sends: SendCounts
    #: Live verifications of these contacts, newest first.
    verifications: tuple[StoredVerification, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """What an act on one check finds. `check` is None when there is no such check in this tenant."""

    tenant: TenantFacts
    check: StoredCheck | None
    contact: ContactFacts | None
    picked: ContactFacts | None
    suppressed: Barred
    sends: SendCounts


@dataclass(frozen=True, slots=True)
class AnnounceFacts:
    """What an announcement finds. `mobile` is the contact's default mobile, empty when there is none; `our_address`
    the tenant's primary verification number."""

    tenant: TenantFacts
    contact: ContactFacts | None
    mobile: str
    our_address: str
    suppressed: Barred
    announced: tuple[AnnouncedCall, ...]
    sends: SendCounts


@dataclass(frozen=True, slots=True)
class VerificationFacts:
    """What a verification finds.

    `verification`: the one asked for, None when there is no such one in this tenant. `live`: the live ones of the
    contact, newest first (one at most once it is stored). `addresses`: all of the contact's, the default of its kind
    first. `our_number`: the primary verification number, which texts and calls come from; empty when there is none.
    `checks`: checks of a caller by this contact, or by anybody who texts from a number of theirs, that are live or were
    last changed within 30 minutes, newest first.
    `denied_at`: when the contact last denied a verification, within 30 minutes. `tries`: the newest 400 of the
    contact, newest first. `wrong_by_technician`: wrong codes typed by the technician in the last hour.
    `overrides_by_technician`: in the last 24 h.
    """

    tenant: TenantFacts
    contact: ContactFacts | None
    addresses: tuple[AddressFacts, ...]
    our_number: str
    verification: StoredVerification | None
    live: tuple[StoredVerification, ...]
    checks: tuple[StoredCheck, ...]
    denied_at: datetime | None
    tries: tuple[Try, ...]
    wrong_by_technician: int = 0
    overrides_by_technician: int = 0


Facts: TypeAlias = InboundFacts | CheckFacts | AnnounceFacts | VerificationFacts

# --- writes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SaveCheck:
    """Insert (`version` 0) or update where the stored version is still `version`; the row then has `version + 1`.

    At most one live check per sender and per contact: a second insert is a conflict and the turn is decided anew.
    """

    id: str
    version: int
    state: State
    channel: str
    our_address: str
    their_address: str
    conversation_id: str
    contact_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SaveVerification:
    """Insert (`version` 0) or update where the stored version is still `version`, as for a check. At most one live
    verification per contact: a second insert is a conflict. `link_digest`: SHA-256 of the link's token, for an insert
    of one by link; it is how the link's page finds its way, also afterwards."""

    id: str
    version: int
    state: uv.State
    contact_id: str
    our_address: str
    their_address: str
    created_at: datetime
    link_digest: str = ""


@dataclass(frozen=True, slots=True)
class SaveDesk:
    """Insert (`version` 0) or update the conversation, like `SaveCheck`."""

    conversation_id: str
    version: int
    desk: Desk
    channel: str
    our_address: str
    their_address: str
    contact_id: str


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the log, in the turn's transaction. `public` holds ids, kinds and counts that technicians may read;
    `sealed` holds what is encrypted under the contact's key (numbers, notes, words)."""

    id: str
    at: datetime
    kind: str
    check_id: str = ""
    contact_id: str = ""
    technician_id: str = ""
    ticket_id: str = ""
    conversation_id: str = ""
    channel: str = ""
    public: Mapping[str, str | int] = field(default_factory=dict)
    sealed: Mapping[str, str] = field(default_factory=dict)


OutboxKind: TypeAlias = Literal[
    "text", "alert_text", "ticket.create", "ticket.note", "mail", "teams_post", "call", "call_say"
]


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One thing to carry out, rendered once; retries send this same payload (REL-03). `id` is the idempotency key.

    `payload` by kind, all values text. text: to, from, body. alert_text, which becomes a text, a mail or both for each
    person on duty, and a post for each Teams connection that wants it: to (empty), from, body, subject, mail, post.
    ticket.create: contact_id, title, body. ticket.note: ticket_id, body. mail: to, subject, body, and `about`
    (`verification`) where it goes to an end user. teams_post: connection_id, body. call: to, from, verification_id.
    call_say: call_id, from, body, then (`again` or `hang_up`).

    `lane` keeps order: only the head of a lane is carried out. `challenge`: counts against the limits until given back;
    `segments` is what a text costs.
    """

    id: str
    kind: OutboxKind
    lane: str
    payload: Mapping[str, str]
    due_at: datetime
    drop_at: datetime | None = None
    check_id: str = ""
    conversation_id: str = ""
    contact_id: str = ""
    technician_id: str = ""
    template: str = ""
    challenge: bool = False
    after_stop: bool = False
    segments: int = 0


@dataclass(frozen=True, slots=True)
class Timer:
    """Ring `name` for a check or a verification (whose id `check_id` is then) at `at`; setting it again moves it. The
    timers of verifications are named `euv_...`."""

    tenant_id: str
    check_id: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """Stays in the console until a person acknowledges it."""

    id: str
    kind: str
    at: datetime
    check_id: str
    contact_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """The sender opted out (`on`) or in again. `our_address` empty: every number of the tenant."""

    on: bool
    our_address: str
    their_address: str
    by: Literal["word", "carrier"]


@dataclass(frozen=True, slots=True)
class Announcement:
    """Record (`ends` False) or end (`ends` True) an announced call. Ending names the contact and the technician, and
    ends every live announcement of the two; a technician id of "" ends everybody's."""

    call: AnnouncedCall
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Decision(Generic[R]):
    """Everything one turn writes, and what it answers."""

    reply: R
    tenant_id: str = ""
    checks: tuple[SaveCheck, ...] = ()
    desk: SaveDesk | None = None
    audit: tuple[AuditEvent, ...] = ()
    outbox: tuple[OutboxItem, ...] = ()
    timers: tuple[Timer, ...] = ()
    alerts: tuple[Alert, ...] = ()
    give_back: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    announcements: tuple[Announcement, ...] = ()
    verifications: tuple[SaveVerification, ...] = ()
    tries: tuple[Try, ...] = ()
    #: Contacts whose green shields end now.
    end_shields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn(Generic[R]):
    """One turn to make durable. `decide` is pure and is called with the facts that `ask` names; it may be called
    more than once. `now` is the clock's time when the turn was taken up."""

    ask: Ask
    decide: Callable[[Facts], Decision[R]]
    now: datetime


@dataclass(frozen=True, slots=True)
class Taken(Generic[R]):
    """The turn is durable; this is what it answered."""

    reply: R


@dataclass(frozen=True, slots=True)
class Duplicate:
    """It had been taken before; nothing was written."""


@dataclass(frozen=True, slots=True)
class Unroutable:
    """No number of ours, or no such tenant; nothing was written."""


TurnResult: TypeAlias = Taken[R] | Duplicate | Unroutable

# --- outbox ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leased:
    """An outbox item that this worker may carry out until the lease ends. `fence` must come back with the outcome; a
    stale one is ignored. `suppressed`: the destination has opted out or been blocked since. `unknown`: an earlier
    attempt may have gone out (REL-04), `unclear` counts such attempts. `first_attempt_at` is None on the first
    attempt."""

    tenant_id: str
    item: OutboxItem
    attempt: int
    fence: int
    suppressed: Barred = ""
    unknown: bool = False
    first_attempt_at: datetime | None = None
    unclear: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one attempt.

    sent: done, `provider_id` is the provider's. retry: again at `retry_at`. unknown: it may have gone out, look before
    sending again at `retry_at`. dead: given up, `error` says why. dropped: not to be sent any more (expired, opted
    out). Codes are wiped from the payload on sent, dead and dropped. `tried` False goes with retry and unknown: nothing
    was sent this time, so the attempt does not count, and what was unclear before stays as unclear as it was.
    """

    leased: Leased
    outcome: Literal["sent", "retry", "unknown", "dead", "dropped"]
    provider: str = ""
    provider_id: str = ""
    error: str = ""
    retry_at: datetime | None = None
    audit: tuple[AuditEvent, ...] = ()
    alerts: tuple[Alert, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    tried: bool = True
