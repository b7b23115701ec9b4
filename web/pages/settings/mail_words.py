"""What mails to end users say beside the code or the link: the tenant's own text, signature and small print (EV-25)."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from channels.email.end_user import in_plain
from dialogs.effects import Code
from dialogs.ports import ForEndUser
from dialogs.texts import SAMPLES, TenantValues, render
from storage.phones import readable
from storage.tenant_settings import BY_NAME
from storage.tenants import StoredTenant
from web.look import _
from web.pages.context import see_other
from web.pages.settings.company import tenant_of
from web.pages.settings.fields import Ask, Group, faults, form_of, save, shown, typed_in
from web.pages.settings.parts import settings_page
from web.routing import Access, Call, Route, Surface

PATH = "/settings/mail/words"
GROUPS = (
    Group(
        _("Your own words"),
        _(
            "They stand under the code or the link. What the mail is about, and the warning, come first and stay: "
            "their wording is under Texts."
        ),
        (
            Ask("mail_text", _("Text"), "lines"),
            Ask("mail_signature", _("Signature"), "lines"),
            Ask("mail_footer", _("Small print"), "lines"),
        ),
    ),
)
WordsForm = form_of("MailWordsForm", GROUPS)


async def show_words(call: Call) -> web.StreamResponse:
    """The words as they are set, and a mail with them."""
    return _page(call, await tenant_of(call), {}, {})


async def save_words(call: Call) -> web.StreamResponse:
    """All three at once, or nothing."""
    tenant, typed = await tenant_of(call), typed_in(GROUPS, call.body)
    wrong = faults(tenant.settings, typed)
    if wrong:
        return _page(call, tenant, typed, wrong)
    await save(call, typed)
    return see_other(PATH, said="saved")


async def preview_words(call: Call) -> web.StreamResponse:
    """A mail with words that are not kept yet."""
    tenant, typed = await tenant_of(call), typed_in(GROUPS, call.body)
    return _page(call, tenant, typed, faults(tenant.settings, typed), only_look=True)


def _page(
    call: Call, tenant: StoredTenant, typed: Mapping[str, str], wrong: Mapping[str, str], *, only_look: bool = False
) -> web.Response:
    values = {
        "groups": shown(GROUPS, tenant.settings, typed),
        "problems": wrong,
        "action": PATH,
        "reads": _sample(tenant, {} if wrong else typed),
    }
    said = _("Not saved. Correct what is marked below.") if wrong and not only_look else ""
    return settings_page(call, "mail", "settings_mail_words.html", values, status=422 if wrong else 200, problem=said)


def _sample(tenant: StoredTenant, typed: Mapping[str, str]) -> str:
    """A mail with a made-up code, with what was typed in place of what is set."""
    settings = tenant.settings
    for name, value in typed.items():
        settings = BY_NAME[name].put(settings, value)
    phone = readable(settings.phone)
    code = Code("482913")
    body = render(
        "euv.send_email_code.body",
        {**SAMPLES, "code": code},
        tenant=TenantValues(msp=tenant.name, phone=phone, timezone=settings.timezone),
        locale=settings.locale,
        overrides=settings.texts,
    )
    own = ForEndUser(code.digits, "", settings.mail_text, settings.mail_signature, settings.mail_footer)
    return in_plain(body, own)


ROUTES = (
    Route("GET", PATH, show_words, Access.ADMIN, Surface.PAGE, "Words of mails to end users"),
    Route("POST", PATH, save_words, Access.ADMIN, Surface.PAGE, "Set words of mails", body=WordsForm, step_up=True),
    Route(
        "POST",
        PATH + "/preview",
        preview_words,
        Access.ADMIN,
        Surface.PAGE,
        "Words of mails to look at",
        body=WordsForm,
    ),
)
