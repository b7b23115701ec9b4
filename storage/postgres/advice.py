"""What the operator can do about a PostgreSQL that cannot be used, in a sentence. For the command line."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import asyncpg
from sqlalchemy.exc import DBAPIError

from storage.postgres.failures import sqlstate


def advice(error: BaseException, url: str) -> str:
    """Goes on after "... cannot be used: ". Holds names of the server's things and never a password."""
    parts = urlsplit(url)
    role, name = unquote(parts.username or "the default role"), unquote(parts.path.lstrip("/"))
    said = _said(error)
    match sqlstate(error)[:2], sqlstate(error):
        case "28", _:
            return f"the server does not let {role} in ({said}). Check role and password in the URL, and pg_hba.conf."
        case _, "3D000":
            return f"there is no database {name}. Make it as a superuser: CREATE DATABASE {name} OWNER {role};"
        case _, "42501":
            return (
                f"{role} lacks rights ({said}). Put the role that owns the tables into WATCHWORD_OWNER_DATABASE_URL, "
                "then run `watchword migrate`."
            )
        case _, "55P03":
            return "its tables were in use for too long. Nothing was changed: run the command again."
        case "53", _:
            return f"the server has no room left ({said})."
        case "57", _:
            return f"the server is starting or stopping ({said}). Run the command again in a minute."
        case _, "":
            return _from_this_side(error)
        case _, state:
            return f"{said} ({state}). Is it a Watchword database?"


def _from_this_side(error: BaseException) -> str:
    """No server has said anything."""
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else error
    if isinstance(cause, TimeoutError):
        return "the server does not answer. Is it reachable from here, and is a firewall in between?"
    if isinstance(cause, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return f"{_said(error)}. Check the URL: postgresql://ROLE:PASSWORD@HOST:5432/NAME"
    return "nothing answers there. Is PostgreSQL running, and are host and port in the URL right?"


def _said(error: BaseException) -> str:
    """The server's first line, without the driver's class name that SQLAlchemy puts before it."""
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else error
    return str(cause).partition("\n")[0]
