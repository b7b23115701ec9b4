"""Files of contacts: looked at line by line before anybody is added, brought in while you do something else, and taken
back where that was a mistake."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from aiohttp import web
from pydantic import Field

from storage.contact_import import ImportPlan, look_at
from storage.contacts_csv import Problem as LineProblem
from storage.contacts_csv import parse_contacts_csv, tidy
from storage.import_files import ReadFile
from storage.import_pieces import brought_in, left_over
from storage.imports import WORKING, NewImport, StoredImport
from storage.paging import BadCursor
from storage.sheets import cell
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.context import frame, json_answer, page, see_other, wants_json
from web.pages.forms import Form
from web.problems import Problem, not_found
from web.regions import own_region
from web.routing import Access, Call, Handler, Route, Surface

LARGEST = 5 * 1024 * 1024
MOST_ROWS = 20_000
#: Lines of problems, people and companies that one page shows.
SHOWN = 200
SAMPLE = 10
#: Lines that stayed out and are remembered after the file is gone.
REMEMBERED = 500

STATES: Mapping[str, str] = {
    "preview": _("preview"),
    "running": _("being imported"),
    "done": _("imported"),
    "undoing": _("being undone"),
    "undone": _("undone"),
    "failed": _("discarded"),
}
#: Why somebody stays -> in words.
WHY: Mapping[str, str] = {
    "ticket": _("there is a ticket of theirs"),
    "check": _("they have asked for a check"),
    "verification": _("somebody has verified them"),
    "approval": _("a second person was asked about them"),
    "conversation": _("they have written"),
    "call": _("a call to them was announced"),
    "alert": _("there is an alert about them"),
    "": _("somebody was working on them at that moment"),
}


class UploadForm(Form):
    """A file comes with it. `region`: where numbers without a country code are."""

    region: Annotated[str, Field(max_length=2, pattern=r"^[A-Za-z]*$")] = ""


@dataclass(frozen=True, slots=True)
class ImportView:
    """An import as lists show it."""

    id: str
    name: str
    state: str
    by: str
    at: object
    added: int


async def list_imports(call: Call) -> web.StreamResponse:
    """The form, and every file so far."""
    return await _list(call, "", "")


async def upload(call: Call) -> web.StreamResponse:
    """Read a file and show what it would do. Nobody is added."""
    given: UploadForm = call.body
    file = call.files.get("file")
    if file is None or not file.content:
        return await _list(call, given.region, _("Choose a file first."))
    if len(file.content) > LARGEST:
        return await _list(call, given.region, _("The file is larger than 5 MiB. Split it."))
    # Numbers are looked up one by one: seconds for a large file, in which everything else goes on.
    parsed = await asyncio.to_thread(parse_contacts_csv, file.content, given.region.upper(), most=MOST_ROWS)
    tenant_id, services = call.who.tenant_id, call.services
    plan = await services.db.read(tenant_id, lambda conn: look_at(conn, tenant_id, parsed))
    import_id = services.random.new_id(services.clock.now())
    new = NewImport(
        import_id,
        call.who.technician_id,
        tidy(file.name.replace("\\", "/").rpartition("/")[2])[:120] or _("a file"),
        ReadFile(parsed.rows, plan.problems),
        _counts(plan),
        tuple(sorted({one.line for one in plan.problems if one.severity == "error"}))[:REMEMBERED],
    )
    public: dict[str, str | int] = {"import": import_id, **_counts(plan)}
    await services.imports.put(tenant_id, new, line(call, "import.looked_at", **public))
    return see_other(f"/imports/{import_id}")


async def show_import(call: Call) -> web.StreamResponse:
    """What it would do, how far it is, or what it did. For our script: `{"state", "done", "total"}`."""
    found = await _import(call)
    if wants_json(call.request):
        return json_answer(call, {"state": found.state, "done": found.done, "total": found.total})
    tenant_id, services = call.who.tenant_id, call.services
    read = await services.imports.content(tenant_id, found.id) if found.state == "preview" else None
    by = await services.people.technician(tenant_id, found.technician_id)
    there, left = 0, []
    if found.state == "done":
        there = await services.db.read(tenant_id, lambda conn: brought_in(conn, tenant_id, found.id))
    if found.state == "undone":
        rows = await services.db.read(tenant_id, lambda conn: left_over(conn, tenant_id, found.id, SHOWN))
        left = [(contact_id, name, WHY[why]) for contact_id, name, why in rows]
    start = _start(call)
    problems = read.problems if read is not None else ()
    values = {
        "one": found,
        "state": STATES[found.state],
        "by": by.name if by is not None else "",
        "working": found.state in WORKING,
        "counts": found.counts,
        "sample": read.rows[:SAMPLE] if read is not None else (),
        "problems": problems[start : start + SHOWN],
        "all_problems": len(problems),
        "next": start + SHOWN if len(problems) > start + SHOWN else 0,
        "start": start,
        "there": there,
        "left": left,
        "gone": found.state == "preview" and read is None,
    }
    return page(call, "import.html", frame(call, found.file_name, "contacts"), values)


async def bring_in(call: Call) -> web.StreamResponse:
    """Begin."""
    found = await _import(call)
    if found.counts.get("contacts", 0) == 0:
        raise Problem(409, "nothing_to_add", "Nobody in that file is new, so there is nothing to bring in.")
    event = line(call, "import.begun", **{"import": found.id})
    if not await call.services.imports.begin(call.who.tenant_id, found.id, event):
        raise _too_late()
    call.services.begin_imports()
    return see_other(f"/imports/{found.id}", said="import_begun")


async def discard(call: Call) -> web.StreamResponse:
    """Rather not."""
    found = await _import(call)
    event = line(call, "import.discarded", **{"import": found.id})
    if not await call.services.imports.discard(call.who.tenant_id, found.id, event):
        raise _too_late()
    return see_other("/imports", said="import_discarded")


async def take_back(call: Call) -> web.StreamResponse:
    """Take away whom it brought and nobody has dealt with since."""
    found, tenant_id = await _import(call), call.who.tenant_id
    total = await call.services.db.read(tenant_id, lambda conn: brought_in(conn, tenant_id, found.id))
    public: dict[str, str | int] = {"import": found.id, "contacts": total}
    event = line(call, "import.undo_begun", **public)
    if not await call.services.imports.begin_undo(tenant_id, found.id, total, event):
        raise _too_late()
    call.services.begin_imports()
    return see_other(f"/imports/{found.id}", said="import_undoing")


async def problems_file(call: Call) -> web.StreamResponse:
    """Every problem as a file, for whoever corrects the sheet."""
    found = await _import(call)
    read = await call.services.imports.content(call.who.tenant_id, found.id)
    if read is None:
        raise not_found()
    text = io.StringIO()
    sheet = csv.writer(text)
    sheet.writerow(("line", "column", "severity", "problem", "what to do"))
    for one in read.problems:
        sheet.writerow([cell(value) for value in (one.line, one.column, one.severity, one.what, one.remedy)])
    headers = {"Content-Disposition": 'attachment; filename="problems.csv"', "Cache-Control": "no-store"}
    return web.Response(text="\ufeff" + text.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


async def _import(call: Call) -> StoredImport:
    found = await call.services.imports.get(call.who.tenant_id, our_id(call, "import_id"))
    if found is None:
        raise not_found()
    return found


async def _list(call: Call, region: str, problem: str) -> web.Response:
    cursor = call.request.query.get("after", "")
    services, tenant_id = call.services, call.who.tenant_id
    try:
        found = await services.imports.page(tenant_id, cursor=cursor)
    except BadCursor:
        raise Problem(400, "bad_cursor", "That link is old. Start again from the first page.") from None
    names = {one.id: one.name for one in await services.people.technicians(tenant_id)}
    views = [
        ImportView(
            one.id,
            one.file_name,
            STATES[one.state],
            names.get(one.technician_id, ""),
            one.at,
            one.counts.get("added", 0) - one.counts.get("removed", 0),
        )
        for one in found.items
    ]
    values = {
        "imports": views,
        "region": region or await own_region(call),
        "problem": problem,
        "more": urlencode({"after": found.next}) if found.next else "",
    }
    shown = frame(call, _("Import contacts"), "contacts")
    return page(call, "imports.html", shown, values, status=422 if problem else 200)


def _counts(plan: ImportPlan) -> dict[str, int]:
    return {
        "contacts": len(plan.new_contacts),
        "clients": len(plan.new_clients),
        "unchanged": plan.unchanged,
        "errors": _many(plan.problems, "error"),
        "warnings": _many(plan.problems, "warning"),
    }


def _many(problems: tuple[LineProblem, ...], severity: str) -> int:
    return sum(one.severity == severity for one in problems)


def _start(call: Call) -> int:
    typed = call.request.query.get("from", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 7 else 0


def _too_late() -> Problem:
    return Problem(409, "too_late", "That is past with this file. Open it again to see where it is now.")


def _press(path: str, handler: Handler, summary: str, *, step_up: bool = False) -> Route:
    return Route(
        "POST", "/imports/{import_id}/" + path, handler, Access.ADMIN, Surface.PAGE, summary, body=Form, step_up=step_up
    )


ROUTES = (
    Route("GET", "/imports", list_imports, Access.ADMIN, Surface.PAGE, "Import contacts"),
    Route(
        "POST",
        "/imports",
        upload,
        Access.ADMIN,
        Surface.PAGE,
        "Look at a file of contacts",
        body=UploadForm,
        upload=LARGEST + 64 * 1024,
    ),
    Route("GET", "/imports/{import_id}", show_import, Access.ADMIN, Surface.PAGE, "An import"),
    Route("GET", "/imports/{import_id}/problems.csv", problems_file, Access.ADMIN, Surface.PAGE, "Its problems"),
    _press("run", bring_in, "Bring a file of contacts in", step_up=True),
    _press("discard", discard, "Put a file of contacts away"),
    _press("undo", take_back, "Take an import back", step_up=True),
)
