"""Demo mode only: phones to text from, everything that left, and the clock. Works without script like every page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from storage.phones import readable
from web.answers import iso
from web.look import _
from web.pages.context import frame, page, see_other, wants_json
from web.pages.forms import Advance, PhoneAct, PhoneText
from web.pages.views import as_json
from web.ports import Phone, SentMessage, Simulator
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface

CHANNELS = {
    "sms": _("Text"),
    "phone": _("Call"),
    "psa": _("Ticket system"),
    "email": _("E-mail"),
    "teams": _("Teams"),
    "webhook": _("Other tool"),
}
_LINK = re.compile(r"https?://[^\s/]+/v/([A-Za-z0-9_-]{43})")
#: The page shows this many; the JSON shows all.
SHOWN = 40
CALLS_SHOWN = 3
#: How a phone may answer, in the order offered.
ANSWERS = {
    "person": _("Somebody picks up and listens"),
    "by_hand": _("It rings until you pick up"),
    "press_1": _("Somebody picks up and presses 1"),
    "slow": _("Somebody picks up after 30 seconds"),
    "unknown": _("Somebody picks up and says nothing"),
    "voicemail": _("An answering machine"),
    "busy": _("Busy"),
    "no_answer": _("Nobody is there"),
    "unreachable": _("The number cannot be reached"),
}
#: What the carrier may say of a number, in the order offered.
LINES = {
    "usual": _("Mobile, the same SIM for years"),
    "swapped": _("Mobile, SIM swapped two days ago"),
    "swapped_undated": _("Mobile, SIM swapped within 48 hours, no date told"),
    "day_only": _("Mobile, SIM not swapped for 24 hours, no more is told"),
    "no_sim_data": _("Mobile, nothing known of its SIM"),
    "voip": _("Internet number (VoIP)"),
    "landline": _("Landline"),
    "nothing": _("Nothing is known"),
    "failing": _("The look-up fails"),
    "silent": _("The look-up is never answered"),
}
CALL_STATES = {
    "ringing": _("It rings"),
    "talking": _("On the line"),
    "ended": _("The call is over"),
    "declined": _("Busy, or declined"),
    "missed": _("Nobody picked up"),
    "failed": _("Could not be reached"),
}


@dataclass(frozen=True, slots=True)
class Bubble:
    """One text on the phone's screen. `out`: the phone's own. `link`: the token of a verification link in it."""

    id: str
    text: str
    out: bool
    link: str = ""


@dataclass(frozen=True, slots=True)
class Ring:
    """One call to the phone. `state` is in words; `words` are what was spoken."""

    id: str
    state: str
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """One thing that left."""

    id: str
    channel: str
    to: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. `pieces`: its words in order, and whether each is a link to a page of ours."""

    to: str
    sender: str
    subject: str
    pieces: tuple[tuple[str, bool], ...]
    at: datetime


async def show_simulator(call: Call) -> web.StreamResponse:
    """The bench: one phone, the outbox, the clock, and who can sign in."""
    demo = _demo(call)
    phone = _phone(demo, call.request.query.get("phone", ""))
    values = {
        "phone": phone,
        "readable": readable(phone.number),
        "phones": demo.phones(),
        "numbers": demo.verification_numbers(),
        "talk": _talk(demo, phone),
        "calls": _calls(demo, phone),
        "answers": ANSWERS,
        "answering": demo.answering(phone.number),
        "lines": LINES,
        "line": demo.line_of(phone.number),
        "posts": _posts(demo),
        "sign_ins": demo.accounts(),
    }
    return page(call, "simulator.html", frame(call, _("Simulator"), "simulator"), values)


async def state(call: Call) -> web.StreamResponse:
    """The same as JSON, asked for once a second by the page."""
    demo = _demo(call)
    phone = _phone(demo, call.request.query.get("phone", ""))
    return web.json_response(
        {
            "now": as_json(demo.now()),
            "talk": as_json(_talk(demo, phone)),
            "calls": as_json(_calls(demo, phone)),
            "posts": as_json(_posts(demo)),
            "codes": {account.login: account.code for account in demo.accounts()},
        }
    )


async def send(call: Call) -> web.StreamResponse:
    """A text from a phone, by the page's form."""
    given: PhoneText = call.body
    await _text(call, given)
    return _back(call, given.sender)


async def send_json(call: Call) -> web.StreamResponse:
    """A text from a phone: `{"from", "to", "text"}`."""
    status = await _text(call, call.body)
    return web.json_response({"webhook_status": status})


async def handset(call: Call) -> web.StreamResponse:
    """A button of the phone, or how it answers, by the page's form."""
    given: PhoneAct = call.body
    _use(call, given)
    return _back(call, given.phone)


async def handset_json(call: Call) -> web.StreamResponse:
    """The same: `{"phone", "act": "pick_up|hang_up|0-9*#"}`, `{"phone", "answers": "person|voicemail|..."}` or
    `{"phone", "line": "usual|swapped|voip|..."}`."""
    given: PhoneAct = call.body
    _use(call, given)
    demo = _demo(call)
    calls = [{"state": c.state, "text": c.words, "at": iso(c.at)} for c in demo.calls_to(given.phone)]
    return web.json_response(
        {"answers": demo.answering(given.phone), "line": demo.line_of(given.phone), "calls": calls}
    )


async def advance(call: Call) -> web.StreamResponse:
    """Move the clock forward, by the page's form."""
    given: Advance = call.body
    _demo(call).advance(given.advance_s)
    return _back(call, "")


async def advance_json(call: Call) -> web.StreamResponse:
    """Move the application's clock forward: `{"advance_s": seconds}`."""
    given: Advance = call.body
    return web.json_response({"now": iso(_demo(call).advance(given.advance_s))})


async def outbox(call: Call) -> web.StreamResponse:
    """Everything that left, newest first."""
    return web.json_response({"items": [_item(m) for m in _demo(call).outbox()], "next": None})


async def show_mailbox(call: Call) -> web.StreamResponse:
    """Mails as whoever got them reads them, newest first; links to our own pages work."""
    own = re.compile(re.escape(call.services.public_url) + r"/[!-~]*[A-Za-z0-9_/=-]")
    letters = [
        Letter(
            m.to,
            m.sender,
            str(m.payload.get("subject", "")),
            tuple((piece, bool(own.fullmatch(piece))) for piece in _around(own, m.text.strip())),
            m.at,
        )
        for m in _demo(call).outbox()
        if m.channel == "email"
    ]
    shown = frame(call, _("Mailbox"), "simulator")
    return page(call, "simulator_mail.html", shown, {"letters": letters[:SHOWN]})


def _around(pattern: re.Pattern[str], text: str) -> list[str]:
    """The text cut before and after each match."""
    pieces, at = [], 0
    for found in pattern.finditer(text):
        pieces += [text[at : found.start()], found[0]]
        at = found.end()
    return [piece for piece in (*pieces, text[at:]) if piece]


async def _text(call: Call, given: PhoneText) -> int:
    demo = _demo(call)
    body = given.quick or given.text
    if not body.strip():
        raise Problem(422, "empty_text", "Write a text first, or press one of the buttons.")
    if given.to not in demo.verification_numbers():
        raise Problem(422, "unknown_number", "That is none of our numbers. Choose one from the list.")
    return await demo.text(given.sender, given.to, body)


def _use(call: Call, given: PhoneAct) -> None:
    demo = _demo(call)
    if given.answers and not demo.set_answering(given.phone, given.answers):
        raise Problem(422, "unknown_manner", f"A phone can answer as one of: {', '.join(ANSWERS)}.")
    if given.line and not demo.set_line(given.phone, given.line):
        raise Problem(422, "unknown_line", f"The carrier can say one of these of a number: {', '.join(LINES)}.")
    if given.act and not demo.on_call(given.phone, given.act):
        raise Problem(409, "no_call", "This phone does not ring, and nobody is on it.")


def _back(call: Call, phone: str) -> web.StreamResponse:
    if wants_json(call.request):
        return web.json_response({"refused": "", "message": ""})
    return see_other("/simulator", phone=phone) if phone else see_other("/simulator")


def _demo(call: Call) -> Simulator:
    if call.services.demo is None:
        raise not_found()
    return call.services.demo


def _phone(demo: Simulator, number: str) -> Phone:
    """The phone asked for, else the first. A number may come with its plus read as a space."""
    wanted = number.replace(" ", "+")
    phones = demo.phones()
    return next((p for p in phones if p.number == wanted), phones[0])


def _talk(demo: Simulator, phone: Phone) -> list[Bubble]:
    sent = list(enumerate(demo.received_by(phone.number)))[-SHOWN:]
    return [
        Bubble(
            f"{phone.number} {i}", m.text, m.sender == phone.number, found[1] if (found := _LINK.search(m.text)) else ""
        )
        for i, m in sent
    ]


def _calls(demo: Simulator, phone: Phone) -> list[Ring]:
    newest = demo.calls_to(phone.number)[:CALLS_SHOWN]
    return [Ring(c.id, CALL_STATES[c.state], c.words, c.at) for c in newest]


def _posts(demo: Simulator) -> list[Post]:
    left = demo.outbox()
    # Where a note went is an id of the ticket system, which tells a person nothing.
    return [
        Post(
            str(len(left) - i),
            CHANNELS.get(m.channel, m.channel),
            "" if m.channel == "psa" else readable(m.to) if m.channel in ("sms", "phone") else m.to,
            f"{m.payload['subject']}: {m.text}" if m.channel == "email" else m.text,
            m.at,
        )
        for i, m in enumerate(left[:SHOWN])
    ]


def _item(message: SentMessage) -> dict[str, object]:
    return {
        "channel": message.channel,
        "to": message.to,
        "from": message.sender,
        "text": message.text,
        "payload": dict(message.payload),
        "at": iso(message.at),
    }


ROUTES = (
    Route("GET", "/simulator", show_simulator, Access.PUBLIC, Surface.PAGE, "The simulator", demo_only=True),
    Route("GET", "/simulator/mail", show_mailbox, Access.PUBLIC, Surface.PAGE, "Mails that arrived", demo_only=True),
    Route("GET", "/simulator/state", state, Access.PUBLIC, Surface.API, "Phone and outbox now", demo_only=True),
    Route("POST", "/simulator/send", send, Access.PUBLIC, Surface.PAGE, "Text by form", body=PhoneText, demo_only=True),
    Route("POST", "/simulator/handset", handset, Access.PUBLIC, Surface.PAGE, "A phone", body=PhoneAct, demo_only=True),
    Route(
        "POST", "/simulator/phone", handset_json, Access.PUBLIC, Surface.API, "A phone", body=PhoneAct, demo_only=True
    ),
    Route(
        "POST",
        "/simulator/advance",
        advance,
        Access.PUBLIC,
        Surface.PAGE,
        "Clock by form",
        body=Advance,
        demo_only=True,
    ),
    Route("GET", "/simulator/outbox", outbox, Access.PUBLIC, Surface.API, "Everything that left", demo_only=True),
    Route("POST", "/simulator/text", send_json, Access.PUBLIC, Surface.API, "Text", body=PhoneText, demo_only=True),
    Route("POST", "/simulator/clock", advance_json, Access.PUBLIC, Surface.API, "Clock", body=Advance, demo_only=True),
)
