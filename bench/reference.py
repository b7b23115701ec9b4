"""What ratios are against: handlers that do little, and one that does a turn the way it is usually written."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from aiohttp import web
from sqlalchemy import BindParameter, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or
from twilio.request_validator import RequestValidator

from bench.world import SMS_PATH
from channels.twilio import form, signature
from storage import tables as t
from storage.postgres.connecting import make_engine
from storage.tenants import CarrierAccount

HELLO_PATH, LEAN_PATH, CORE_PATH = "/hello", "/lean", "/core"
_TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
_XML = {"Content-Type": "text/xml; charset=utf-8"}
#: As many as the product's own pool has.
_POOL = 8
_TENANT = "00000000-0000-7000-8000-000000000001"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def reference_app(
    public_url: str, account: CarrierAccount, database_url: str, stack: AsyncExitStack
) -> web.Application:
    """Hello, both references and, where there is a database, the Core turn, all in one process.

    Both references parse the form, check the signature and answer TwiML. R does it as anybody would who follows the
    manuals: aiohttp's form, Twilio's validator. Lean R does it with the product's own functions and nothing else, which
    is the least that any server can do."""
    validator = RequestValidator(account.auth_token)
    spellings = signature.url_spellings(public_url + LEAN_PATH)

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def sms(request: web.Request) -> web.Response:
        fields = await request.post()
        if not validator.validate(public_url + SMS_PATH, fields, request.headers.get("X-Twilio-Signature", "")):
            return web.Response(status=403)
        return web.Response(text=_TWIML.decode(), content_type="text/xml")

    async def lean(request: web.Request) -> web.Response:
        pairs = form.read_pairs(await request.read())
        signed = request.headers.get(signature.SIGNATURE_HEADER, "")
        if not signature.is_genuine(signed, "", spellings, signature.signed_text(pairs), account):
            return web.Response(status=403)
        return web.Response(body=_TWIML, headers=_XML)

    app = web.Application()
    app.add_routes([web.get(HELLO_PATH, hello), web.post(SMS_PATH, sms), web.post(LEAN_PATH, lean)])
    if database_url:
        app.add_routes([web.post(CORE_PATH, await core_turn(public_url + CORE_PATH, account, database_url, stack))])
    return app


async def core_turn(url: str, account: CarrierAccount, database_url: str, stack: AsyncExitStack) -> Handler:
    """R, and a turn of five awaited SQLAlchemy Core statements in a transaction on an asyncpg connection: refuse what
    was taken before, load the conversation, save it, write a line of the log, write an answer to the outbox.

    Same tables and indexes as the product's, on the same server, just as durable. Much cheaper than a turn in all
    else: it seals nothing, hashes nothing, decides nothing, and its role is one for whom row security does not hold.
    """
    validator = RequestValidator(account.auth_token)
    engine = make_engine(database_url, pool_size=_POOL, max_overflow=0)
    stack.push_async_callback(engine.dispose)
    async with engine.begin() as connection:
        await connection.execute(
            insert(t.tenants),
            {"id": _TENANT, "slug": "core", "name": "Core", "key": b"", "created_at": 0},
        )

    async def turn(request: web.Request) -> web.Response:
        fields = await request.post()
        if not validator.validate(url, fields, request.headers.get("X-Twilio-Signature", "")):
            return web.Response(status=403)
        sid, sender, ours = str(fields["MessageSid"]), str(fields["From"]), str(fields["To"])
        body, now = str(fields["Body"]).encode(), time.time_ns() // 1000
        async with engine.begin() as connection:
            taken = {"id": sid, "once_key": bytes.fromhex(sid[2:]), "body": body, "at": now}
            if (await connection.execute(_TAKE, taken)).rowcount:
                found = (await connection.execute(_LOAD, {"their": sender, "ours": ours})).one_or_none()
                id_ = found.id if found else sender
                if found:
                    await connection.execute(_SAVE, {"which": id_, "was": found.version, "desk": '{"a":1}', "at": now})
                else:
                    await connection.execute(
                        _OPEN, {"id": id_, "our_address": ours, "their_address": sender, "at": now}
                    )
                await connection.execute(_NOTE, {"id": sid, "at": now, "leaf": bytes(32), "conversation_id": id_})
                await connection.execute(
                    _ANSWER, {"id": sid, "lane": id_, "payload": body, "conversation_id": id_, "at": now}
                )
        return web.Response(text=_TWIML.decode(), content_type="text/xml")

    return turn


_c = t.conversations.c
_at: BindParameter[int] = bindparam("at")
_TAKE = (
    insert_or(t.inbound)
    .values(tenant_id=_TENANT, channel="sms", conversation_id="", at=_at)
    .on_conflict_do_nothing()
    .values(id=bindparam("id"), once_key=bindparam("once_key"), body=bindparam("body"))
)
_LOAD = select(_c.id, _c.version, _c.desk).where(
    _c.tenant_id == _TENANT,
    _c.channel == "sms",
    _c.their_address == bindparam("their"),
    _c.our_address == bindparam("ours"),
)
_SAVE = (
    update(t.conversations)
    .where(_c.tenant_id == _TENANT, _c.id == bindparam("which"), _c.version == bindparam("was"))
    .values(version=_c.version + 1, desk=bindparam("desk"), updated_at=_at)
)
_OPEN = insert(t.conversations).values(
    tenant_id=_TENANT,
    id=bindparam("id"),
    channel="sms",
    our_address=bindparam("our_address"),
    their_address=bindparam("their_address"),
    version=1,
    created_at=_at,
    updated_at=_at,
)
_NOTE = insert(t.audit).values(
    tenant_id=_TENANT,
    id=bindparam("id"),
    at=_at,
    kind="desk.text",
    leaf=bindparam("leaf"),
    conversation_id=bindparam("conversation_id"),
)
_ANSWER = insert(t.outbox).values(
    tenant_id=_TENANT,
    id=bindparam("id"),
    kind="text",
    lane=bindparam("lane"),
    payload=bindparam("payload"),
    conversation_id=bindparam("conversation_id"),
    status="waiting",
    created_at=_at,
    due_at=_at,
)
