"""The demo's Microsoft 365: one organisation, kept beside its database so that a restarted demo knows it again."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from aiohttp import web

from bot.demo_files import write_whole
from dialogs.people_source import PersonKind
from dialogs.ports import Clock, Randomness
from simulator.microsoft.cloud import MicrosoftCloud
from simulator.microsoft.entra import EntraApi
from simulator.microsoft.graph import GraphApi
from simulator.microsoft.records import Application, Organisation
from web.ports import Phone, SimulatedApplication, SimulatedOrganisation, SimulatedPerson

ENTRA_PATH, GRAPH_PATH = "/simulator/microsoft/entra", "/simulator/microsoft/graph"
NAME, DOMAIN = "Northwind Traders", "northwind.example"
#: Small, so that the demo reads several pages.
PAGE_SIZE = 3

#: Name and mobile; the last two are the guest and the one whose account is switched off.
PEOPLE = (
    ("Nora Quist", "+1 253-555-0131"),
    ("Omar Reed", "+1 208-555-0132"),
    ("Pia Stone", "+1 (406) 555-0133"),
    ("Quinn Tran", "+1 503-555-0134"),
    ("Rosa Umber", ""),
    ("Sven Vogt", "+1 971-555-0136"),
    ("Tess Wild", "+1 360-555-0137"),
)
GUEST, DISABLED = "Sven Vogt", "Tess Wild"


class DemoMicrosoft:
    """Implements `web.ports.SimulatedMicrosoft`. `file`: where it is kept; `base_url`: the demo's own address."""

    def __init__(self, clock: Clock, randomness: Randomness, *, file: Path, base_url: str) -> None:
        self.cloud = MicrosoftCloud(clock=clock, randomness=randomness, page_size=PAGE_SIZE)
        self._file = file
        self._base_url = base_url
        self._application = self._fill(json.loads(file.read_text()) if file.is_file() else None)
        self._keep()
        self.cloud.on_change = self._keep

    def entra_routes(self) -> list[web.RouteDef]:
        """To be mounted under `ENTRA_PATH`."""
        return EntraApi(self.cloud).routes()

    def graph_routes(self) -> list[web.RouteDef]:
        """To be mounted under `GRAPH_PATH`."""
        return GraphApi(self.cloud, base_url=self._base_url + GRAPH_PATH).routes()

    # --- what the simulator's page shows and does ------------------------------------------------------------------

    def application(self) -> SimulatedApplication:
        return SimulatedApplication(self._application.id, self._application.secret)

    def organisations(self) -> Sequence[SimulatedOrganisation]:
        return [
            SimulatedOrganisation(
                one.id,
                one.name,
                one.domains[0],
                self._application.id in one.grants,
                tuple(_shown(person) for person in one.people.values()),
            )
            for one in self.cloud.organisations.values()
        ]

    def phones(self) -> Sequence[Phone]:
        """Mobiles of those whom we may read, as they stand there now."""
        return [
            Phone("+" + re.sub(r"[^0-9]", "", person.mobile), f"{person.name}, {one.name}")
            for one in self.organisations()
            if one.consented
            for person in one.people
            if person.kind == "member" and person.mobile
        ]

    def change_person(self, person_id: str, *, mobile: str, email: str) -> bool:
        organisation = self._of(person_id)
        if organisation is None:
            return False
        before = organisation.people[person_id]
        said = {"mobilePhone": mobile.strip() or None, "mail": email.strip() or None}
        changed = {name: value for name, value in said.items() if before[name] != value}
        if changed:
            self.cloud.change_person(organisation, person_id, **changed)
        return True

    def remove_person(self, person_id: str) -> bool:
        organisation = self._of(person_id)
        if organisation is not None:
            self.cloud.remove_person(organisation, person_id)
        return organisation is not None

    def set_consent(self, organisation_id: str, given: bool) -> bool:
        organisation = self.cloud.organisations.get(organisation_id)
        if organisation is None:
            return False
        if given:
            self.cloud.consent(organisation, self._application)
        else:
            self.cloud.withdraw_consent(organisation, self._application)
        return True

    def _of(self, person_id: str) -> Organisation | None:
        return next((one for one in self.cloud.organisations.values() if person_id in one.people), None)

    # --- keeping ----------------------------------------------------------------------------------------------------

    def _fill(self, kept: dict[str, dict[str, dict[str, object]]] | None) -> Application:
        """The organisation as it was left, or as it is at first."""
        organisation = self.cloud.found(NAME, [DOMAIN, "northwind.onmicrosoft.com"])
        own = {} if kept is None else kept["application"]
        application = self.cloud.register(
            Application(
                str(own.get("id") or uuid4()),
                str(own.get("secret") or f"sim~{secrets.token_urlsafe(24)}"),
                name="Harbor IT help desk",
                redirects=(f"{self._base_url}/settings/microsoft-365/*",),
            )
        )
        if kept is None:
            for name, mobile in PEOPLE:
                self._hire(organisation, name, mobile)
            return application
        for person in kept["people"].values():
            self.cloud.add_person(organisation, **person)
        if own.get("consented"):
            self.cloud.consent(organisation, application)
        return application

    def _hire(self, organisation: Organisation, name: str, mobile: str) -> None:
        login = f"{name.split()[0].lower()}@{DOMAIN}"
        guest = name == GUEST
        self.cloud.add_person(
            organisation,
            displayName=name,
            mail="sven@fabrikam.example" if guest else login,
            userPrincipalName=f"sven_fabrikam.example#EXT#@{DOMAIN}" if guest else login,
            mobilePhone=mobile or None,
            businessPhones=["+1 253-555-0140"] if name == "Rosa Umber" else [],
            userType="Guest" if guest else "Member",
            accountEnabled=name != DISABLED,
            preferredLanguage="en-US",
        )

    def _keep(self) -> None:
        (organisation,) = self.cloud.organisations.values()
        own = self._application
        application = {"id": own.id, "secret": own.secret, "consented": own.id in organisation.grants}
        write_whole(self._file, json.dumps({"application": application, "people": organisation.people}))


def _shown(person: dict[str, object]) -> SimulatedPerson:
    kind: PersonKind = (
        "guest" if person["userType"] == "Guest" else "member" if person["accountEnabled"] is True else "disabled"
    )
    said = {name: str(person[name] or "") for name in ("id", "displayName", "mail", "mobilePhone")}
    return SimulatedPerson(said["id"], said["displayName"], kind, said["mail"], said["mobilePhone"])
