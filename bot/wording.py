"""Turning an effect's template and values into words, in the tenant's name and the user's language."""

from __future__ import annotations

from channels.teams.posts import harmless
from dialogs.effects import Values
from dialogs.texts import TenantValues, render, segments
from dialogs.turns import TenantFacts
from storage.phones import readable


class Wording:
    """Renders for all tenants. `public_url` is where links lead."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url
        self._tenants: dict[tuple[str, str, str, str], TenantValues] = {}
        #: Texts without values, which are most: as last rendered for these very settings.
        self._standing: dict[tuple[str, str, str], tuple[TenantFacts, str, int]] = {}

    def link(self, path: str) -> str:
        """An absolute link to a page of ours."""
        return self._public_url + path

    def text(self, tenant: TenantFacts, template: str, values: Values, locale: str) -> tuple[str, int]:
        """The text and how many segments it costs. An empty `locale` means the tenant's."""
        if values:
            if template == "tv.misdirected":
                values = {**values, "number": readable(str(values["number"]))}
            return self._text(tenant, template, values, locale)
        key = (tenant.id, template, locale)
        kept = self._standing.get(key)
        if kept is None or kept[0] is not tenant:
            kept = self._standing[key] = (tenant, *self._text(tenant, template, values, locale))
        return kept[1:]

    def _text(self, tenant: TenantFacts, template: str, values: Values, locale: str) -> tuple[str, int]:
        body = render(
            template,
            values,
            tenant=self._values(tenant),
            locale=locale or tenant.settings.locale,
            overrides=tenant.settings.texts,
        )
        return body, segments(body).count

    def ticket(self, tenant: TenantFacts, template: str, values: Values) -> tuple[str, str]:
        """Title and body of a new ticket, in the tenant's language."""
        return self.note(tenant, template + ".title", values), self.note(tenant, template + ".body", values)

    def note(self, tenant: TenantFacts, template: str, values: Values) -> str:
        """A ticket note, in the tenant's language."""
        return render(
            template,
            values,
            tenant=self._values(tenant),
            locale=tenant.settings.locale,
            overrides=tenant.settings.texts,
        )

    def alert(self, tenant: TenantFacts, kind: str, values: Values) -> str:
        """The sentence of an alert in the console."""
        return self.note(tenant, "alert." + kind, values)

    def post(self, tenant: TenantFacts, template: str, values: Values, page: str) -> str:
        """A post to a Teams channel, with a link to a page of ours. Words of strangers make no other link there."""
        plain = {name: harmless(value) if isinstance(value, str) else value for name, value in values.items()}
        link = self.link(page)
        text = self.note(tenant, template, {**plain, "link": link})
        return text if link in text else f"{text} {link}"

    def _values(self, tenant: TenantFacts) -> TenantValues:
        key = (tenant.id, tenant.name, tenant.settings.phone, tenant.settings.timezone)
        found = self._tenants.get(key)
        if found is None:
            found = TenantValues(
                msp=tenant.name, phone=readable(tenant.settings.phone), timezone=tenant.settings.timezone
            )
            self._tenants[key] = found
        return found
