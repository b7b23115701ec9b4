"""The log itself, for admins: how far it is sealed, a check of its end, the export, and receipts."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from storage.months import begins, day_of, ends, read_day
from storage.sealed.export import Wanted
from storage.sealed.integrity import CHOICES, LogCheck
from storage.sealed.receipts import NoReceipt, NotSealedYet
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.context import frame, page, see_other, wants_json
from web.pages.forms import Form
from web.problems import Problem, not_found
from web.reporting import zone_of
from web.routing import Access, Call, Route, Surface

HOME = "/history/log"
_TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}


class ExportForm(Form):
    """Which days, how written, and whether with what people wrote."""

    since: Annotated[str, Field(max_length=20)] = ""
    until: Annotated[str, Field(max_length=20)] = ""
    format: Literal["csv", "jsonl"] = "csv"
    opened: Literal["", "yes"] = ""


class CheckForm(Form):
    """How many lines."""

    lines: Literal["10000", "100000"] = "10000"


async def show_log(call: Call) -> web.StreamResponse:
    """How the log stands, and what may be done with it; to the page's script how far a check is."""
    if wants_json(call.request):
        check = await call.services.integrity.last_check() or LogCheck("", 0, 0, 0, call.services.clock.now())
        return web.json_response({"state": check.state, "done": check.done, "total": check.total})
    zone = await zone_of(call)
    today = day_of(call.services.clock.now(), zone)
    return await _page(call, ExportForm(since=today.replace(day=1).isoformat(), until=today.isoformat()), {}, zone)


async def _page(
    call: Call, typed: ExportForm, problems: dict[str, str], zone: str, status: int = 200
) -> web.StreamResponse:
    integrity = call.services.integrity
    values = {
        "status": await integrity.status(),
        "check": await integrity.last_check(),
        "counts": CHOICES,
        "typed": typed,
        "problems": problems,
        "zone": zone,
    }
    shown = frame(call, _("The log: seal, export, receipts"), "history")
    return page(call, "log.html", shown, values, status=status)


async def check_log(call: Call) -> web.StreamResponse:
    """Have the end of the log held against its seals."""
    given: CheckForm = call.body
    if not await call.services.integrity.begin(int(given.lines)):
        return see_other(HOME, said="log_check_runs")
    await call.services.integrity.note(call.who.tenant_id, line(call, "log.check_asked", lines=int(given.lines)))
    return see_other(HOME, said="log_check")


async def export_log(call: Call) -> web.StreamResponse:
    """The tenant's lines of some days, as a file that is written while it is read."""
    given: ExportForm = call.body
    who, integrity, zone = call.who, call.services.integrity, await zone_of(call)
    problems: dict[str, str] = {}
    since, until = read_day(given.since), read_day(given.until)
    for name, day in (("since", since), ("until", until)):
        if day is None:
            problems[name] = _("This is no day. Write it as 2026-03-01.")
    if since is not None and until is not None and since > until:
        problems["until"] = _("The last day lies before the first one. Change one of them.")
    if problems or since is None or until is None:
        return await _page(call, given, problems, zone, 422)
    wanted = Wanted(who.tenant_id, begins(since, zone), ends(until, zone), opened=given.opened == "yes")
    facts = {"format": given.format, "opened": int(wanted.opened), "lines": await integrity.count(wanted)}
    days = {"since": since.isoformat(), "until": until.isoformat()}
    await integrity.note(who.tenant_id, line(call, "log.exported", **facts, **days))
    response = web.StreamResponse(
        headers={
            "Content-Type": f"{_TYPES[given.format]}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="watchword-log-{since}-to-{until}.{given.format}"',
        }
    )
    await response.prepare(call.request)
    async for piece in integrity.export(wanted, given.format):
        await response.write(piece.encode())
    await response.write_eof()
    return response


async def give_receipt(call: Call) -> web.StreamResponse:
    """Proof of one check, for somebody without access."""
    who, services = call.who, call.services
    check_id = our_id(call, "check_id")
    if await services.checks.get(who.tenant_id, check_id) is None:
        raise not_found()
    try:
        made = await services.integrity.receipt(check_id)
    except NotSealedYet:
        raise Problem(
            503, "not_sealed_yet", _("The newest lines of it are not sealed yet. Try again in a moment."), retry_after=5
        ) from None
    except NoReceipt:
        raise Problem(
            409,
            "no_receipt",
            _("No receipt can be given: the log does not fit its seals. Tell whoever runs Watchword today."),
        ) from None
    await services.integrity.note(who.tenant_id, line(call, "log.receipt_made", check=check_id))
    return _file(made, "application/json", f"receipt-{check_id}.json")


async def give_checker(call: Call) -> web.StreamResponse:
    """The program that checks receipts."""
    text = files("storage.sealed").joinpath("check_receipt.py").read_text("utf-8")
    return _file(text, "text/x-python", "check_receipt.py")


def _file(text: str, kind: str, name: str) -> web.Response:
    return web.Response(text=text, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


ROUTES = (
    Route("GET", HOME, show_log, Access.ADMIN, Surface.PAGE, "The log itself"),
    Route("POST", HOME + "/check", check_log, Access.ADMIN, Surface.PAGE, "Check the log", body=CheckForm),
    Route(
        "POST",
        HOME + "/export",
        export_log,
        Access.ADMIN,
        Surface.PAGE,
        "Export the log",
        body=ExportForm,
        step_up=True,
    ),
    Route("GET", HOME + "/check_receipt.py", give_checker, Access.ADMIN, Surface.PAGE, "What checks receipts"),
    Route(
        "POST",
        "/history/checks/{check_id}/receipt",
        give_receipt,
        Access.ADMIN,
        Surface.PAGE,
        "A receipt of a check",
        body=Form,
    ),
)
