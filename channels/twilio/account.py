"""What this room has to know of a Twilio account; whoever keeps the accounts hands them in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from dialogs.ports import SendRefused


class TwilioAccount(Protocol):
    """One account with its secrets, and whose it is. `auth_token` and `secondary_token` are empty when there is none.

    `shared_keys`: secrets of webhooks that are signed with a shared key instead of the token, by key id.
    """

    @property
    def tenant_id(self) -> str: ...

    @property
    def account_sid(self) -> str: ...

    @property
    def auth_token(self) -> str: ...

    @property
    def secondary_token(self) -> str: ...

    @property
    def shared_keys(self) -> Mapping[str, str]: ...

    def owns(self, number: str) -> bool:
        """Whether this E.164 number belongs to the account. Without this question one tenant's token could sign texts
        to another tenant's number."""
        ...


class FindAccount(Protocol):
    """The account with this sid, or None. May raise `Unavailable`. Asked before a signature is checked, so keep it
    cheap."""

    async def __call__(self, account_sid: str, /) -> TwilioAccount | None: ...


class AccountFor(Protocol):
    """The account that owns one of our numbers, or None."""

    async def __call__(self, sender: str, /) -> TwilioAccount | None: ...


async def owner_of(sender: str, account_for: AccountFor) -> TwilioAccount:
    """The account that sends from this number of ours. Raises `SendRefused` where there is none."""
    account = await account_for(sender)
    if account is None:
        raise SendRefused("no_account", "No Twilio account owns our number. An admin must connect it.")
    return account
