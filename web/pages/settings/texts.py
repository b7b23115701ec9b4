"""Texts: the tenant's own wording of everything that is sent, seen as it will read and counted as it will cost.

What a template must say is locked, so that no wording can be turned against those who get it (SEC-05).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from aiohttp import web
from pydantic import Field

from dialogs.effects import Value
from dialogs.settings import TenantSettings
from dialogs.texts import (
    LANGUAGES,
    PLACEHOLDER,
    SAMPLES,
    Segments,
    Template,
    TextError,
    faults,
    find_template,
    language_for,
    segments,
    strange_in,
)
from dialogs.texts.fill import fill
from storage.phones import readable
from web.look import _
from web.noting import line
from web.pages.context import see_other, wants_json
from web.pages.forms import Form
from web.pages.settings.company import tenant_of
from web.pages.settings.parts import settings_page
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

PATH = "/settings/texts"
LONGEST = 2000

AUDIENCES: Mapping[str, str] = {
    "user": _("To people at your clients"),
    "technician": _("To technicians"),
    "ticket": _("In tickets"),
}
LOCALES: Mapping[str, str] = {"": _("Every language"), "en": _("English"), "ar-XB": _("Test language, right to left")}
#: Variable -> what it stands for.
MEANINGS: Mapping[str, str] = {
    "msp": _("your company's name"),
    "phone": _("the phone number you publish"),
    "code": _("the code"),
    "again": _("that this code takes the place of an older one, where it does"),
    "notice": _("that a technician has claimed the check, where that is news"),
    "tech": _("the technician's first name"),
    "doing": _("what the technician is doing: calling, on site, in a remote session"),
    "about": _("the ticket, or that there is none yet"),
    "ticket": _("the ticket's number"),
    "number": _("a phone number"),
    "left": _("how many tries are left"),
    "ending": _("how the other number ends"),
    "at": _("a time of day"),
    "contact": _("the person's name"),
    "link": _("a link to the page"),
    "outcome": _("how it ended"),
    "assurance": _("how sure that is"),
    "direction": _("who called whom"),
    "remark": _("what the technician wrote"),
    "numbers": _("numbers that begin alike"),
    "sent": _("how many were sent"),
    "answered": _("how many were answered"),
    "until": _("until when it works"),
    "method": _("how they were asked, such as a code by text"),
    "destination": _("the end of the number, or the mailbox, that it went to"),
    "unusual": _("that this is not their usual address, where it is not"),
    "line": _("what kind of number it is, where the carrier was asked"),
    "sim": _("whether its SIM was swapped lately, where the carrier was asked"),
    "whose": _("that the ticket is another person's, where it is"),
    "action": _("what the technician wants to do"),
    "enough": _("that the method is not enough for that, where it is not"),
    "why": _("why it never arrived"),
    "reason": _("why a rule was set aside"),
    "alone": _("that nobody else was on duty, where that was so"),
    "approver": _("the colleague who decided, where one was asked"),
    "second_method": _("the other way they were verified by"),
    "trail": _("all steps, one on a line"),
}


class TextForm(Form):
    """Own wording; empty takes it back. `locale` empty: for every language without a wording of its own."""

    text: Annotated[str, Field(max_length=LONGEST)] = ""
    locale: Annotated[str, Field(max_length=16)] = ""


class WhichQuery(Form):
    """In which language; `said` is what a redirect carries."""

    locale: Annotated[str, Field(max_length=16)] = ""
    said: Annotated[str, Field(max_length=32)] = ""
    refused: Annotated[str, Field(max_length=32)] = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One template in the list."""

    id: str
    about: str
    own: bool
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A wording as it will read: with samples in its places, and what it costs. `strange`: the characters that make
    it dear, each once. `problems`: why it cannot be used."""

    text: str
    size: Segments
    strange: str
    problems: tuple[str, ...]


async def list_texts(call: Call) -> web.StreamResponse:
    """Every template, by who reads it."""
    own = (await tenant_of(call)).settings.texts
    groups: dict[str, list[Row]] = {audience: [] for audience in AUDIENCES}
    for template in language_for("en").templates.values():
        keys = [key for key in own if key.partition("@")[0] == template.id]
        text = own[keys[0]] if keys else template.body
        groups[template.audience].append(Row(template.id, template.about, bool(keys), text))
    values = {"groups": [(AUDIENCES[name], rows) for name, rows in groups.items() if rows]}
    return settings_page(call, "texts", "settings_texts.html", values)


async def show_text(call: Call) -> web.StreamResponse:
    """One template: what it is for, what may stand in it and what must, and how it reads."""
    asked: WhichQuery = call.query
    template = _template(call, asked.locale)
    settings = (await tenant_of(call)).settings
    return await _page(call, template, asked.locale, settings, _in_use(template, asked.locale, settings))


async def save_text(call: Call) -> web.StreamResponse:
    """Checked as a whole: nothing is kept while anything is wrong."""
    form: TextForm = call.body
    template = _template(call, form.locale)
    text = form.text.replace("\r\n", "\n").strip()
    tenant = await tenant_of(call)
    if text and faults(_key(template, form.locale), text):
        said = _("Not saved. What is wrong stands below the text.")
        return await _page(call, template, form.locale, tenant.settings, form.text, problem=said)
    return await _keep(call, template, form.locale, "" if text == template.body else text)


async def restore_text(call: Call) -> web.StreamResponse:
    """Back to our wording."""
    form: TextForm = call.body
    return await _keep(call, _template(call, form.locale), form.locale, "")


async def preview(call: Call) -> web.StreamResponse:
    """How a wording would read, without keeping it: for the button, and for the script while somebody types."""
    form: TextForm = call.body
    template = _template(call, form.locale)
    if wants_json(call.request):
        shown = await _shown(call, template, form.locale, form.text)
        return web.json_response(
            {"text": shown.text, "cost": _cost(shown, template), "problems": list(shown.problems), "said": ""}
        )
    settings = (await tenant_of(call)).settings
    return await _page(call, template, form.locale, settings, form.text)


async def _keep(call: Call, template: Template, locale: str, text: str) -> web.StreamResponse:
    key = _key(template, locale)

    def change(settings: TenantSettings) -> TenantSettings:
        texts = {name: own for name, own in settings.texts.items() if name != key}
        return replace(settings, texts=texts | ({key: text} if text else {}))

    noted = line(call, "settings.text_changed", template=key, own=int(bool(text)))
    await call.services.tenants.noting(call.who.tenant_id, noted).change_settings(call.who.tenant_id, change)
    query = {"locale": locale} if locale else {}
    return see_other(f"{PATH}/{template.id}", said="saved", **query)


def _template(call: Call, locale: str) -> Template:
    """The template of the path. 404 for one that does not exist, and for a language that we do not have."""
    if locale not in LOCALES:
        raise not_found()
    try:
        return find_template(call.request.match_info["template"], locale)
    except TextError:
        raise not_found() from None


def _key(template: Template, locale: str) -> str:
    return f"{template.id}@{locale}" if locale else template.id


def _in_use(template: Template, locale: str, settings: TenantSettings) -> str:
    return settings.texts.get(_key(template, locale)) or settings.texts.get(template.id) or template.body


async def _shown(call: Call, template: Template, locale: str, text: str) -> Shown:
    """With this tenant's own name and number, and samples for the rest."""
    tenant = await tenant_of(call)
    text = text.replace("\r\n", "\n").strip()
    phone = readable(tenant.settings.phone) if tenant.settings.phone else ""
    language = language_for(locale or tenant.settings.locale)
    values: dict[str, Value] = {
        **SAMPLES,
        "msp": tenant.name,
        "phone": phone or language.phrases["phrase.published_number"],
    }
    problems = faults(_key(template, locale), text) if text else ()
    unknown = set(PLACEHOLDER.findall(text)) - set(values)
    # What is unknown stands as it was written, so that the rest can still be read.
    values |= {name: "{" + name + "}" for name in unknown}
    in_ticket = template.audience == "ticket"
    filled = fill(text, values, language, tenant.settings.timezone, in_ticket=in_ticket, medium=template.medium)
    said = tuple(
        _("Line %(line)s: %(problem)s") % {"line": f.line, "problem": f.problem} if f.line else f.problem
        for f in problems
    )
    return Shown(filled, segments(filled), strange_in(filled), said)


def _cost(shown: Shown, template: Template) -> str:
    """What it costs, in a sentence; tickets, mails and words on the phone are not paid for by length."""
    if template.audience == "ticket" or template.medium != "text":
        return ""
    said = _("%(count)s text segments, %(units)s characters (%(encoding)s).") % {
        "count": shown.size.count,
        "units": shown.size.units,
        "encoding": shown.size.encoding,
    }
    if shown.size.count == 1:
        said = _("One text segment, %(units)s characters (%(encoding)s).") % {
            "units": shown.size.units,
            "encoding": shown.size.encoding,
        }
    if shown.strange:
        said += " " + _("These characters make it dear: %s") % " ".join(shown.strange)
    return said


async def _page(
    call: Call, template: Template, locale: str, settings: TenantSettings, text: str, *, problem: str = ""
) -> web.StreamResponse:
    shown = await _shown(call, template, locale, text)
    values = {
        "template": template,
        "locale": locale,
        "locales": [(value, words) for value, words in LOCALES.items() if value == "" or value in LANGUAGES],
        "text": text,
        "own": _key(template, locale) in settings.texts,
        "ours": template.body,
        "variables": _variables(template),
        "shown": shown,
        "cost": _cost(shown, template),
        "longest": LONGEST,
    }
    status = 422 if problem else 200
    return settings_page(call, "texts", "settings_text.html", values, status=status, problem=problem)


def _variables(template: Template) -> Sequence[tuple[str, str, bool]]:
    """Name, meaning, and whether it must stand in the text; those that must come first."""
    names = sorted(template.variables, key=lambda name: (name not in template.required, name))
    return [(name, MEANINGS[name], name in template.required) for name in names]


_ONE = PATH + "/{template}"
ROUTES = (
    Route("GET", PATH, list_texts, Access.ADMIN, Surface.PAGE, "Texts"),
    Route("GET", _ONE, show_text, Access.ADMIN, Surface.PAGE, "A text", query=WhichQuery),
    Route("POST", _ONE, save_text, Access.ADMIN, Surface.PAGE, "Keep own wording", body=TextForm, step_up=True),
    Route(
        "POST", _ONE + "/restore", restore_text, Access.ADMIN, Surface.PAGE, "Ours again", body=TextForm, step_up=True
    ),
    Route("POST", _ONE + "/preview", preview, Access.ADMIN, Surface.PAGE, "See how it reads", body=TextForm),
)
