"""People of organisations that come from a directory outside: what a contact source reads, and how it says no.

A source only reads. Whose contact a person becomes, and what counts as a change, is decided where contacts are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, get_args

#: `member`: has an enabled account there. `guest`: belongs to another organisation. `disabled`: the account is switched
#: off. `unreadable`: is there, but what the directory says of them cannot be used; nothing is to be done about them.
PersonKind = Literal["member", "guest", "disabled", "unreadable"]

#: Why a directory will not answer until somebody does something about it; `REMEDIES` says what.
Refusal = Literal[
    "wrong_secret",
    "secret_ended",
    "unknown_application",
    "unknown_organisation",
    "no_consent",
    "no_permission",
    "other_organisation",
    "bad_address",
    "bad_answer",
    "refused",
]
REFUSALS: Final[tuple[str, ...]] = get_args(Refusal)

#: For people: what happened, and what to do about it.
REMEDIES: Final[Mapping[Refusal, str]] = {
    "wrong_secret": "Microsoft does not accept the client secret. Make a new one in the app registration and enter its "
    "value here (the value, not its id).",
    "secret_ended": "The client secret has ended. Make a new one in the app registration and enter it here.",
    "unknown_application": "Microsoft does not know this application id in that organisation. Check the application "
    "(client) id, and that the app registration is for any organisation (multi-tenant); then connect again.",
    "unknown_organisation": "Microsoft knows no organisation with this directory id or domain. Check how it is "
    "written.",
    "no_consent": "The organisation has not agreed, or has withdrawn its consent. Have its administrator connect it "
    "again.",
    "no_permission": "The application may not read people there. Give it the application permissions User.Read.All "
    "and Organization.Read.All, and have the organisation's administrator consent again.",
    "other_organisation": "Microsoft answered for another organisation than the one that was asked for. Nothing was "
    "taken over. Connect it again.",
    "bad_address": "This is no directory id and no domain. A directory id looks like "
    "00000000-0000-0000-0000-000000000000, a domain like example.com.",
    "bad_answer": "What came back is not how Microsoft answers. Nothing was taken over. It is tried again; if it "
    "stays so, ask who runs this server whether WATCHWORD_GRAPH_URL and WATCHWORD_ENTRA_URL are right.",
    "refused": "Microsoft refused. It is tried again; if it stays so, look at the app registration.",
}


@dataclass(frozen=True, slots=True)
class DirectoryAccess:
    """With what an organisation's directory is asked. `organisation_id`: its directory id, or one of its domains where
    the id is not known yet; `people` wants the id."""

    application_id: str
    secret: str = field(repr=False)
    organisation_id: str


@dataclass(frozen=True, slots=True)
class SourceOrganisation:
    """An organisation as its directory has it. `id`: lower case, stays the same for good; `domains`: proven ones, lower
    case, the usual one first; those that Microsoft gave come last."""

    id: str
    name: str
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourcePerson:
    """A person, whole: what is empty here is empty there, or unusable and named in `left_out`.

    `external_id`: stays the same for good, within the organisation. `email`, `mobile`, `phones`: one line each, without
    control characters, otherwise as somebody typed them; a number is not yet one that can be called. `login`: what they
    sign in with, which need not be a mailbox. `locale`: such as `en-US`, or empty. `left_out`: names of fields whose
    value could not be used.
    """

    external_id: str
    name: str = field(repr=False)
    kind: PersonKind = "member"
    email: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    phones: tuple[str, ...] = field(default=(), repr=False)
    login: str = field(default="", repr=False)
    locale: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether they are to be a contact."""
        return self.kind == "member"


@dataclass(frozen=True, slots=True)
class SourcePage:
    """One page of a round.

    `people`: new or changed; somebody may come again in a later page, the later one counts. `gone`: ids of those who
    were removed there. `cursor`: what to ask the next page with; hand it over only after this page is kept. It is a
    secret, up to 16,000 characters. `whole`: this was the last page; the cursor begins the next round, which tells only
    of changes. `unreadable`: entries that named nobody and were passed over.

    A round that began with an empty cursor names everybody there is and nobody who is gone: whoever was known and was
    not named in it, on any page, is gone, unless some entry of the round was unreadable.
    """

    people: tuple[SourcePerson, ...]
    gone: tuple[str, ...]
    cursor: str = field(repr=False)
    whole: bool
    unreadable: int = 0


class PeopleSource(Protocol):
    """A directory outside that organisations' people are read from."""

    async def organisation(self, access: DirectoryAccess) -> SourceOrganisation:
        """Which organisation this is, proven by a token for it. Raises `SourceRefused` and `SourceLater`."""
        ...

    async def people(self, access: DirectoryAccess, cursor: str) -> SourcePage:
        """The next page of people; an empty cursor begins with everybody.

        Raises `SourceExpired`, `SourceRefused` and `SourceLater`; nothing is lost then, ask with the same cursor.
        """
        ...


class SourceError(Exception):
    """No page came. One of the three below."""


class SourceExpired(SourceError):
    """The cursor is too old: begin anew with an empty one."""


class SourceRefused(SourceError):
    """The directory will not answer until somebody has done something. `code` says why; `detail` is the provider's own
    word for it, such as `AADSTS7000215`, without names or secrets, for the log and for support."""

    def __init__(self, code: Refusal, detail: str = "") -> None:
        super().__init__(f"{code} {detail}".strip())
        self.code: Refusal = code
        self.detail = detail

    @property
    def remedy(self) -> str:
        """What happened and what to do, for people."""
        return REMEDIES[self.code]


class SourceLater(SourceError):
    """No answer, or too many questions: try again, not before `retry_after` seconds when the directory says so.
    `code`: `throttled`, `no_connection`, `no_answer` or `http_503`."""

    def __init__(self, code: str, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after
