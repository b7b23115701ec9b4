"""What pages and API share about people with accounts: what may be typed, links and how they reach somebody."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from identity.links import Minted, Purpose
from storage.account_links import NewLink
from storage.phones import BadNumber, masked, region_of, to_e164
from web.look import _
from web.noting import line
from web.problems import not_found
from web.routing import Call
from web.services import Services

if TYPE_CHECKING:
    from storage.people import StoredTechnician

_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,63}")
#: What a name is made of besides letters: it stands in texts, and must not pass for a number or an address there.
_IN_NAMES = " .'’-"


class BadField(ValueError):
    """What was typed cannot stay as it is; the message says why and what to do."""


def read_name(typed: str) -> str:
    """A person's name. Raises `BadField`."""
    name = unicodedata.normalize("NFC", " ".join(typed.split()))
    if not name:
        raise BadField(_("Write the name. Its first part is what texts call them."))
    if len(name) > 120:
        raise BadField(_("Use a shorter name, at most 120 characters."))
    odd = next((c for c in name if not (c.isalpha() or unicodedata.category(c)[0] == "M" or c in _IN_NAMES)), "")
    if odd or not any(c.isalpha() for c in name):
        raise BadField(_("A name has letters, spaces, dots, hyphens and apostrophes. Leave out: %s") % odd)
    return name


def read_login(typed: str) -> str:
    """What somebody types to sign in, in small letters. Raises `BadField`."""
    login = typed.strip().casefold()
    if not login:
        raise BadField(_("Write what they will type to sign in; their e-mail address is best."))
    if len(login) > 254 or not all("!" <= c <= "~" for c in login):
        raise BadField(_("A login has no spaces and only plain letters, digits and signs: %s") % "dana@msp.com")
    return login


def read_email(typed: str) -> str:
    """An e-mail address, or nothing. Raises `BadField`."""
    email = typed.strip()
    if email and (len(email) > 254 or not _MAIL.fullmatch(email)):
        raise BadField(_("This is no e-mail address. Write it like %s, or leave it empty.") % "dana@msp.com")
    return email


def read_mobile(typed: str, region: str) -> str:
    """A mobile number as E.164, or nothing. Raises `BadField`."""
    if not typed.strip():
        return ""
    try:
        return to_e164(typed, region)
    except BadNumber as why:
        said = _("The number %(why)s. Write it with its country code, such as %(example)s, or leave it empty.")
        raise BadField(said % {"why": why, "example": "+1 212 555 0100"}) from None


def read_all(**reads: Callable[[], str]) -> tuple[dict[str, str], dict[str, str]]:
    """Every field as it is kept, and what is wrong with those that cannot be, both by field."""
    values: dict[str, str] = {}
    problems: dict[str, str] = {}
    for field, read in reads.items():
        try:
            values[field] = read()
        except BadField as bad:
            problems[field] = str(bad)
    return values, problems


async def own_region(services: Services, tenant_id: str) -> str:
    """Where numbers without a country code are, empty when the tenant has no number yet."""
    numbers = await services.tenants.numbers(tenant_id)
    return next((region for n in numbers if (region := region_of(n.facts.address))), "")


def new_link(services: Services, link: Minted, *, made_by: str) -> NewLink:
    """The link as it is stored."""
    id = services.random.new_id(services.clock.now())
    return NewLink(id, link.digest, link.purpose, link.expires_at, made_by)


@dataclass(frozen=True, slots=True)
class Handed:
    """A link that an admin is shown once. `way`: `mail`, `text`, or empty when nothing was sent; `to` whom, masked."""

    url: str
    way: str
    to: str
    until: datetime


_WORDS: Mapping[Purpose, tuple[str, str, str]] = {
    "invitation": (
        _("Your account at {tenant}"),
        _(
            "Hello {first_name},\n\nyou have an account at {tenant} for Watchword, which shows who is really on the "
            "phone.\n\nChoose a password and set up your authenticator app within 7 days:\n\n{url}\n\nThe link works "
            "once and is for you alone. You do not expect this? Then leave it, and tell {tenant}.\n"
        ),
        _("{tenant}: set up your Watchword account within 7 days. The link is for you alone: {url}"),
    ),
    "password": (
        _("A new password for {tenant}"),
        _(
            "Hello {first_name},\n\nsomebody asked for a new password for your account at {tenant}.\n\nWas it you? "
            "Choose one within 30 minutes:\n\n{url}\n\nYou also need a code of your authenticator app, or a recovery "
            "code.\n\nWas it not you? Then do nothing: your password stays as it is. If it happens again, tell an "
            "admin.\n"
        ),
        _("{tenant}: choose a new password within 30 minutes: {url} Not you? Do nothing, it stays as it is."),
    ),
    "second_factor": (
        _("Set up your authenticator app again at {tenant}"),
        _(
            "Hello {first_name},\n\nan admin of {tenant} has ended your old second factor. Set up a new one within 24 "
            "hours:\n\n{url}\n\nYou need your password for it. You do not expect this? Then tell an admin at once.\n"
        ),
        _("{tenant}: set up your authenticator app again within 24 hours: {url} Not expected? Tell an admin."),
    ),
}


async def send_link(services: Services, tenant: str, person: StoredTechnician, link: Minted) -> tuple[str, str]:
    """Send the link by mail, else by text, if there is a way; how, and where to, masked. `tenant` is its name."""
    if services.post is None:
        return "", ""
    values = {"tenant": tenant, "first_name": person.first_name, "url": services.public_url + link.path}
    subject, letter, text = (words.format(**values) for words in _WORDS[link.purpose])
    post, to, until = services.post, person.mail_address, link.expires_at
    # LookupError: what there was a moment ago was taken away.
    with suppress(LookupError):
        if to and await post.can_mail(person.tenant_id):
            await post.mail(person.tenant_id, to=to, subject=subject, text=letter, technician_id=person.id, until=until)
            return "mail", masked(to)
        if person.mobile and await post.can_text(person.tenant_id):
            await post.text(person.tenant_id, to=person.mobile, text=text, technician_id=person.id, until=until)
            return "text", masked(person.mobile)
    return "", ""


async def tell_old_address(services: Services, tenant: str, before: StoredTechnician, *, by: str) -> None:
    """Tell the address that mail about an account went to so far that it will go elsewhere: a reset link would too."""
    post = services.post
    if post is None or not before.mail_address or not await post.can_mail(before.tenant_id):
        return
    said = _(
        "Hello {first_name},\n\n{by} changed where mail or texts about your account at {tenant} go. This address may "
        "get no more of them.\n\nYou do not expect this? Then tell an admin at once.\n"
    )
    text = said.format(first_name=before.first_name, by=by, tenant=tenant)
    subject = _("Your account at {tenant} was changed").format(tenant=tenant)
    with suppress(LookupError):
        await post.mail(before.tenant_id, to=before.mail_address, subject=subject, text=text, technician_id=before.id)


async def change_own(call: Call, wanted: Mapping[str, str]) -> StoredTechnician | None:
    """Change one's own account to `wanted` (name, email, mobile, notify_by), as it has been checked; how it was
    before, None when nothing differs."""
    who, people = call.who, call.services.people
    me = await people.technician(who.tenant_id, who.technician_id)
    if me is None:
        raise not_found()
    changed = {field: value for field, value in wanted.items() if getattr(me, field) != value}
    if not changed:
        return None
    noted = line(call, "technician.profile_changed", changed=" ".join(changed))
    await people.noting(who.tenant_id, noted).change(
        who.tenant_id,
        who.technician_id,
        name=changed.get("name"),
        email=changed.get("email"),
        mobile=changed.get("mobile"),
        notify_by=changed.get("notify_by"),
    )
    tenant = await call.services.tenants.get(who.tenant_id)
    if tenant is not None and {"email", "mobile"} & set(changed):
        await tell_old_address(call.services, tenant.name, me, by=me.name)
    return me
