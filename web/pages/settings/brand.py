"""Branding: a logo, a colour for light pages and one for dark ones, looked at before anybody else sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from storage.brands import Brand, Mark, with_logo
from web.brand import BAND, BLACK, GROUNDS, band, logo_address, on_band, on_colour
from web.contrast import NEEDED, as_hex, nearest_readable, ratio, read_colour, worst
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.parts import settings_page
from web.pictures import LARGEST_FILE, BadPicture, redraw
from web.routing import Access, Call, Route, Surface

PATH = "/settings/brand"
Typed = Annotated[str, Field(max_length=20)]


class ColoursForm(Form):
    """A colour for light pages and one for dark ones; the second may be left to us. `act`: look, save, or back to
    ours."""

    light: Typed = ""
    dark: Typed = ""
    act: Literal["look", "save", "ours"] = "save"


class BandForm(Form):
    """The two ends of the band on pages of links."""

    band_from: Typed = ""
    band_to: Typed = ""
    act: Literal["look", "save", "ours"] = "save"


class LogoForm(Form):
    """A file, or none any more."""

    act: Literal["put", "remove"] = "put"


class MailForm(Form):
    """Whether mails carry the logo."""

    logo_in_email: Literal["", "yes"] = ""


class LookQuery(Form):
    """Colours to look at: of pages, or the two ends of the band."""

    light: Typed = ""
    dark: Typed = ""
    band_from: Typed = ""
    band_to: Typed = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """One colour on its pages. `ratio` as people write it; `better`: the nearest that can be read, where it cannot."""

    typed: str
    colour: str = ""
    ratio: str = ""
    passes: bool = False
    better: str = ""
    problem: str = ""


async def show_brand(call: Call) -> web.StreamResponse:
    """How they look now; with `?light=&dark=` how they would look."""
    asked: BrandQuery = call.query
    brand = await call.services.brands.get(call.who.tenant_id)
    typed = {"light": asked.light, "dark": asked.dark} if asked.light or asked.dark else dict(brand.colours)
    ends = {"band_from": asked.band_from, "band_to": asked.band_to}
    return _page(call, brand, typed, judge(typed), band_typed=ends if any(ends.values()) else None)


async def set_colours(call: Call) -> web.StreamResponse:
    """Kept only when both can be read on their pages."""
    form: ColoursForm = call.body
    who, services = call.who, call.services
    brand = await services.brands.get(who.tenant_id)
    judged = judge({"light": form.light, "dark": form.dark})
    match form.act:
        case "ours":
            colours: dict[str, str] = {}
        case "look":
            return _page(call, brand, {"light": form.light, "dark": form.dark}, judged)
        case "save":
            if not all(one.passes for one in judged.values()):
                said = _("Not saved. Correct what is marked below.")
                return _page(call, brand, {"light": form.light, "dark": form.dark}, judged, problem=said)
            colours = {name: one.colour for name, one in judged.items()}
    await _put_colours(call, colours, keep=BAND)
    return see_other(PATH, said="saved")


async def set_band(call: Call) -> web.StreamResponse:
    """Kept only when words can be read everywhere on it."""
    form: BandForm = call.body
    brand = await call.services.brands.get(call.who.tenant_id)
    typed = {"band_from": form.band_from, "band_to": form.band_to}
    judged = judge_band(typed)
    if form.act == "look" or (form.act == "save" and not judged.passes):
        said = _("Not saved. Correct what is marked below.") if form.act == "save" else ""
        return _page(call, brand, dict(brand.colours), band_typed=typed, problem=said)
    colours = {} if form.act == "ours" else {name: as_hex(read_colour(typed[name]) or BLACK) for name in BAND}
    await _put_colours(call, colours, keep=("light", "dark"))
    return see_other(PATH, said="saved")


async def _put_colours(call: Call, colours: Mapping[str, str], *, keep: Sequence[str]) -> None:
    """These, beside those of the other form."""
    services, tenant_id = call.services, call.who.tenant_id
    noted = services.brands.noting(tenant_id, line(call, "settings.brand_changed", what="colours"))

    def change(brand: Brand) -> Brand:
        kept = {name: brand.colours[name] for name in keep if name in brand.colours}
        return replace(brand, colours={**kept, **colours})

    await noted.change(tenant_id, change, services.clock.now())


async def set_logo(call: Call) -> web.StreamResponse:
    """Drawn anew before it is kept, so that nothing but the picture is in it."""
    form: LogoForm = call.body
    who, services = call.who, call.services
    brand = await services.brands.get(who.tenant_id)
    if form.act == "remove":
        png, width, height = b"", 0, 0
    else:
        upload = call.files.get("logo")
        if upload is None or not upload.content:
            return _page(call, brand, dict(brand.colours), logo_problem=_("Choose a file first."))
        try:
            logo = await asyncio.to_thread(redraw, upload.content)
        except BadPicture as why:
            return _page(call, brand, dict(brand.colours), logo_problem=str(why))
        png, width, height = logo.png, logo.width, logo.height
    noted = services.brands.noting(who.tenant_id, line(call, "settings.brand_changed", what="logo"))
    await noted.change(who.tenant_id, lambda now: with_logo(now, png, width, height), services.clock.now())
    return see_other(PATH, said="saved")


async def set_mail(call: Call) -> web.StreamResponse:
    """The switch for mails."""
    form: MailForm = call.body
    who, services = call.who, call.services
    noted = services.brands.noting(who.tenant_id, line(call, "settings.brand_changed", what="mail"))
    await noted.change(
        who.tenant_id, lambda now: replace(now, logo_in_email=form.logo_in_email == "yes"), services.clock.now()
    )
    return see_other(PATH, said="saved")


async def preview_sheet(call: Call) -> web.StreamResponse:
    """The colours for the samples on the page, as a style sheet: nothing on our pages is styled in the markup."""
    asked: LookQuery = call.query
    judged = judge({"light": asked.light, "dark": asked.dark})
    rules = [
        f".sample[data-on={name}] {{ --accent: {one.colour}; --on-accent: {as_hex(on_colour(colour))}; }}"
        for name, one in judged.items()
        if (colour := read_colour(one.colour)) is not None
    ]
    start, end = read_colour(asked.band_from), read_colour(asked.band_to)
    if start is not None and end is not None:
        ends = f"--band-from: {as_hex(start)}; --band-to: {as_hex(end)}; --on-band: {as_hex(on_band(start, end))};"
        rules.append(f".band.sample {{ {ends} }}")
    return web.Response(text="\n".join(rules), content_type="text/css", charset="utf-8")


async def look(call: Call) -> web.StreamResponse:
    """How two colours do, for the script of the page."""
    asked: LookQuery = call.query
    judged = judge({"light": asked.light, "dark": asked.dark})
    return web.json_response({name: {"said": _said(one), "passes": one.passes} for name, one in judged.items()})


def judge(typed: Mapping[str, str]) -> dict[str, Judged]:
    """Both colours; without one for dark pages the nearest that can be read there is taken."""
    light = _judge(typed.get("light", ""), "light")
    given = typed.get("dark", "").strip()
    if not given and (chosen := read_colour(light.colour)) is not None:
        given = as_hex(nearest_readable(chosen, GROUNDS["dark"]))
    return {"light": light, "dark": _judge(given, "dark")}


def judge_band(typed: Mapping[str, str]) -> Judged:
    """The band from one colour to the other, with the better of white and black on it. Nothing typed is judged as
    nothing."""
    start, end = (read_colour(typed.get(name, "")) for name in BAND)
    if start is None or end is None:
        return Judged("", problem=_("Write both colours as # and six digits: #0f4c4f."))
    reached = worst(on_band(start, end), band(start, end))
    return Judged("", ratio=f"{int(reached * 100) / 100:.2f}", passes=reached >= NEEDED)


def _said_of_band(one: Judged) -> str:
    if one.problem or one.passes:
        return _said(one)
    return (
        _("Neither white nor black words can be read all over it: %s to 1, and 4.5 is needed. Choose two colours ")
        + _("that are both dark or both light.")
    ) % one.ratio


def _judge(typed: str, name: str) -> Judged:
    if not typed.strip():
        return Judged(typed, problem=_("Choose a colour first."))
    colour = read_colour(typed)
    if colour is None:
        return Judged(typed, problem=_("Write a colour as # and six digits: #0f4c4f."))
    # Twice a text: itself on its pages, and white or black on it, on buttons.
    reached = min(worst(colour, GROUNDS[name]), ratio(on_colour(colour), colour))
    passes = reached >= NEEDED
    better = "" if passes else as_hex(nearest_readable(colour, GROUNDS[name]))
    # Cut off, never rounded up to what it does not reach.
    return Judged(typed, as_hex(colour), f"{int(reached * 100) / 100:.2f}", passes, better)


def _said(one: Judged) -> str:
    if one.problem:
        return one.problem
    if one.passes:
        return _("Easy to read: %s to 1.") % one.ratio
    return _("Too faint to read: %(ratio)s to 1, and 4.5 is needed. %(better)s would do.") % {
        "ratio": one.ratio,
        "better": one.better,
    }


def _page(
    call: Call,
    brand: Brand,
    typed: Mapping[str, str],
    judged: Mapping[str, Judged] | None = None,
    *,
    band_typed: Mapping[str, str] | None = None,
    problem: str = "",
    logo_problem: str = "",
) -> web.Response:
    ends = {name: (brand.colours if band_typed is None else band_typed).get(name, "") for name in BAND}
    judged_band = judge_band(ends)
    judged = judged if judged is not None else judge(typed)
    values = {
        "brand": brand,
        "logo": logo_address(call.who.tenant_id, Mark(brand.hash, True)) if brand.logo else "",
        "typed": {name: typed.get(name, "") for name in ("light", "dark")},
        "judged": judged,
        "said": {name: _said(one) for name, one in judged.items()} if typed.get("light") or typed.get("dark") else {},
        "looking": any(typed.get(name) for name in ("light", "dark")),
        "ends": ends,
        "band": judged_band,
        "band_said": _said_of_band(judged_band) if any(ends.values()) else "",
        "own_band": "band_from" in brand.colours,
        "logo_problem": logo_problem,
        "largest": LARGEST_FILE // 1024,
    }
    status = 422 if problem or logo_problem else 200
    return settings_page(call, "brand", "settings_brand.html", values, status=status, problem=problem)


class BrandQuery(LookQuery):
    """Colours to look at; `said` is what a redirect carries."""

    said: Annotated[str, Field(max_length=32)] = ""
    refused: Annotated[str, Field(max_length=32)] = ""


ROUTES = (
    Route("GET", PATH, show_brand, Access.ADMIN, Surface.PAGE, "Branding", query=BrandQuery),
    Route("POST", PATH + "/colours", set_colours, Access.ADMIN, Surface.PAGE, "Set the colours", body=ColoursForm),
    Route(
        "POST",
        PATH + "/logo",
        set_logo,
        Access.ADMIN,
        Surface.PAGE,
        "Set the logo",
        body=LogoForm,
        upload=LARGEST_FILE + 64 * 1024,
    ),
    Route("POST", PATH + "/band", set_band, Access.ADMIN, Surface.PAGE, "Set the band of link pages", body=BandForm),
    Route("POST", PATH + "/mail", set_mail, Access.ADMIN, Surface.PAGE, "Logo in mails", body=MailForm),
    Route(
        "GET", PATH + "/preview.css", preview_sheet, Access.ADMIN, Surface.PAGE, "Colours to look at", query=LookQuery
    ),
    Route("GET", PATH + "/look", look, Access.ADMIN, Surface.PAGE, "How colours do", query=LookQuery),
)
