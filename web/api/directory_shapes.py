"""What the API takes and gives about contacts and clients."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from web.answers import Reply
from web.api.shapes import Contact, Id, Locale, Paged
from web.bodies import Strict

Typed = Annotated[str, Field(min_length=1, max_length=400)]
AddressKind = Literal["mobile", "phone", "email"]


class AddressWith(Strict):
    """A number, as people write it, or an e-mail address. `default`: the one to use of its kind. `shared`: somebody
    else may have it too; without it that is refused."""

    kind: AddressKind
    value: Typed
    default: bool = False
    shared: bool = False


class ValueWith(Strict):
    """What an address is from now on. `shared` as in a new one."""

    value: Typed
    shared: bool = False


class ContactWith(Strict):
    """A new contact. `same_name`: there may be somebody of that name at that client; without it that is refused."""

    name: Typed
    client_id: Id
    locale: Locale = ""
    addresses: Annotated[list[AddressWith], Field(min_length=1, max_length=20)]
    same_name: bool = False


class ContactPatch(Strict):
    """What is null stays as it is."""

    name: Typed | None = None
    client_id: Id | None = None
    locale: Locale | None = None


class ClientWith(Strict):
    """A company's name."""

    name: Typed


class ClientQuery(Paged):
    """Part of a name; empty for all."""

    q: Annotated[str, Field(max_length=120)] = ""


class Client(Reply):
    """A company the tenant serves. `contacts`: how many people of it there are."""

    id: str
    name: str
    contacts: int


class AddressChange(Reply):
    """What came of a change. `ended_checks`: checks that ran on the old number. `told`: a notice is on its way to where
    they were reached before; `untold`: why not (`no_mail_server`, `landline`, `no_number`), null where there was nobody
    to tell or they were told."""

    contact: Contact
    ended_checks: int
    told: bool
    untold: str | None
