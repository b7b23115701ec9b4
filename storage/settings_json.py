"""A tenant's settings to JSON and back. Durations are seconds; what is missing takes its default."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from dialogs.settings import SettingsError, TenantSettings

_ADAPTER: TypeAdapter[TenantSettings] = TypeAdapter(TenantSettings)


def dump_settings(settings: TenantSettings) -> str:
    own = replace(
        settings,
        words=dict(settings.words),
        texts=dict(settings.texts),
        client_policies=dict(settings.client_policies),
    )
    plain: Any = to_jsonable_python(own, timedelta_mode="float")
    return json.dumps(plain, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def load_settings(body: str) -> TenantSettings:
    """Tolerates fields it does not know. Raises SettingsError for one of the wrong shape, naming it."""
    try:
        return _ADAPTER.validate_json(body)
    except ValidationError as why:
        where = ", ".join(".".join(str(part) for part in e["loc"]) or "the whole" for e in why.errors())
        raise SettingsError(f"stored settings cannot be read: {where}") from None
