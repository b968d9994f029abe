"""Log-in by OAuth 2.0 client credentials (RFC 6749, 4.4), with the client's id and secret by Basic (2.3.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from pydantic import SecretStr

from triage.tickets.http import Call, FixedLogin, TicketHost
from triage.tickets.port import TicketError
from triage.tickets.server import ServerSettings, basic


class _Token(msgspec.Struct, frozen=True):
    access_token: str


class ClientCredentials:
    """Implements HttpLogin: one token for all callers, fetched when it is first needed and after a 401."""

    def __init__(
        self, settings: ServerSettings, token_url: str, client_id: str, client_secret: SecretStr, scope: str
    ) -> None:
        self._host = TicketHost(
            token_url,
            FixedLogin({"Authorization": basic(client_id, client_secret)}),
            timeout=settings.timeout,
            ca_file=settings.ca_file,
            secrets=(client_secret,),
        )
        self._form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        self._lock = asyncio.Lock()
        self._headers: Mapping[str, str] | None = None

    async def headers(self) -> Mapping[str, str]:
        async with self._lock:
            if self._headers is None:
                self._headers = await self._fetched()
            return self._headers

    async def renew(self, used: Mapping[str, str]) -> bool:
        """A new token, unless another caller has one already since `used`."""
        async with self._lock:
            if self._headers is used:
                self._headers = await self._fetched()
            return True

    async def close(self) -> None:
        await self._host.close()

    async def _fetched(self) -> Mapping[str, str]:
        call = Call(verb="POST", path="", what="asking for a token", form=self._form, reads=frozenset({400}))
        answer = await self._host.call(call)
        if answer.status == 400:
            raise TicketError(
                f"{self._host.host} refuses client_id and client_secret; check the secret in the settings, asking "
                "again later",
                retryable=True,
            )
        token = self._host.shaped(call, answer, _Token)
        return {"Authorization": f"Bearer {token.access_token}"}
