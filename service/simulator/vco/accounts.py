"""Who may call a simulated VCO, and the sessions that log-ins begin."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

SESSION_LIFETIME = 24 * 3600.0
"""The vendor's usual lifetime of a session cookie, in seconds."""


class Role(StrEnum):
    OPERATOR = "operator"
    """Runs the orchestrator and sees every enterprise; logs in at `operatorLogin`."""
    PARTNER = "partner"
    """An MSP: sees the enterprises that it looks after; logs in at `enterpriseLogin`."""
    CUSTOMER = "customer"
    """Sees one enterprise; logs in at `enterpriseLogin`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user with a password, an API token, or both. `enterprises` are those it sees; None for all."""

    name: str
    role: Role = Role.OPERATOR
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    enterprises: tuple[int, ...] | None = None

    def visible(self, enterprises: Iterable[int]) -> list[int]:
        """Those of the enterprises that the account sees."""
        return [each for each in enterprises if self.enterprises is None or each in self.enterprises]


@dataclass(frozen=True, slots=True)
class _Session:
    account: Account
    until: float


@dataclass(slots=True)
class Door:
    """Knows the accounts, and the sessions with the moment each ends (epoch seconds)."""

    accounts: Sequence[Account]
    lifetime: float = SESSION_LIFETIME
    _sessions: dict[str, _Session] = field(default_factory=dict)

    def log_in(self, name: str, password: str, roles: frozenset[Role], now: float) -> str | None:
        """The cookie of a new session; None where name, password or kind of user are wrong."""
        for account in self.accounts:
            if account.name == name and account.role in roles and _same(password, account.password):
                cookie = secrets.token_hex(32)
                self._sessions[cookie] = _Session(account, now + self.lifetime)
                return cookie
        return None

    def by_cookie(self, cookie: str, now: float) -> Account | None:
        session = self._sessions.get(cookie)
        return session.account if session is not None and now < session.until else None

    def by_token(self, token: str) -> Account | None:
        return next((account for account in self.accounts if _same(token, account.token)), None)

    def log_out(self, cookie: str) -> None:
        self._sessions.pop(cookie, None)

    def end_all(self) -> None:
        """As after a restart of the host: every cookie is refused from now on."""
        self._sessions.clear()


def _same(given: str, known: str | None) -> bool:
    return known is not None and secrets.compare_digest(given.encode(), known.encode())
