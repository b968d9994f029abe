"""A real SMTP server (aiosmtpd) for tests, in a thread of its own, which keeps what it took and refuses what it is told
to refuse."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "lineproof", "password-of-the-tests"


@dataclass
class PostOffice:
    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refused_addresses: dict[str, str] = field(default_factory=dict)
    """Answers to RCPT by address."""
    refused_mails: list[str] = field(default_factory=list)
    """Answers to the next mails' DATA, each once."""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused_addresses:
            return self.refused_addresses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refused_mails:
            return self.refused_mails.pop(0)
        self.mails.append(envelope.content)
        self.recipients.append(envelope.rcpt_tos)
        return "250 taken"

    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(mail, policy=policy.default) for mail in self.mails]  # type: ignore[misc]


@contextmanager
def post_office(certificate: Path | None = None, key: Path | None = None) -> Iterator[PostOffice]:
    """Over STARTTLS, and with log-in required, where there is a certificate."""
    office, wanted = PostOffice(), {}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        wanted = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": _knows}
    controller = Controller(office, hostname="127.0.0.1", port=_free_port(), **wanted)
    controller.start()
    office.port = controller.port
    try:
        yield office
    finally:
        controller.stop()


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def _knows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)
