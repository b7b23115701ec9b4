"""From a template and values to the words that are sent, in the reader's language and the tenant's own wording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dialogs.effects import Value
from dialogs.texts.catalogue import find_template, language_for
from dialogs.texts.fill import fill
from dialogs.texts.overrides import check_override


@dataclass(frozen=True, slots=True)
class TenantValues:
    """What every text may say about the tenant. `phone` comes already written for people; empty when there is none."""

    msp: str
    phone: str
    timezone: str = "UTC"


def render(
    template_id: str,
    values: Mapping[str, Value],
    *,
    tenant: TenantValues,
    locale: str = "en",
    overrides: Mapping[str, str] | None = None,
) -> str:
    """The finished text.

    `overrides` holds the tenant's own wording under `template@locale` or `template`; one that does not pass
    `check_override` any more is not used. Raises `TextError` when a template, phrase or value is missing.
    """
    template = find_template(template_id, locale)
    body = _own_wording(template_id, locale, overrides or {}) or template.body
    language = language_for(locale)
    phone = tenant.phone or language.phrases["phrase.published_number"]
    everything: Mapping[str, Value] = {**values, "msp": tenant.msp, "phone": phone}
    in_ticket = template.audience == "ticket"
    return fill(body, everything, language, tenant.timezone, in_ticket=in_ticket, medium=template.medium)


def _own_wording(template_id: str, locale: str, overrides: Mapping[str, str]) -> str:
    for key in (f"{template_id}@{locale}", template_id):
        text = overrides.get(key, "")
        if text and not check_override(key, text):
            return text
    return ""
