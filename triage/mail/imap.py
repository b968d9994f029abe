"""A mailbox over IMAP4rev1 (RFC 3501) with TLS. Mails are read without being marked; done ones get \\Seen."""

from __future__ import annotations

import asyncio
import imaplib
import re
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from triage.mail.port import MailError, ReceivedMail
from triage.mail.settings import ImapIntakeSettings

Result = TypeVar("Result")
AT_ONCE = 50
"""Mails of one look; the rest come with the next."""


class ImapIntake:
    """One connection, used by one task at a time; after any failure a new one is made."""

    def __init__(self, settings: ImapIntakeSettings) -> None:
        self._settings = settings
        self._connection: imaplib.IMAP4 | None = None
        self._validity = ""

    async def unread(self) -> Sequence[ReceivedMail]:
        return await self._asked(self._unread)

    async def done(self, mail: ReceivedMail) -> None:
        await self._asked(lambda connection: self._done(connection, mail.id))

    async def close(self) -> None:
        await asyncio.to_thread(self._drop)

    async def _asked(self, work: Callable[[imaplib.IMAP4], Result]) -> Result:
        try:
            return await asyncio.to_thread(self._with_connection, work)
        except (OSError, imaplib.IMAP4.error, EOFError) as error:
            where = f"the mailbox {self._settings.mailbox} at {self._settings.host}:{self._settings.port}"
            refused = isinstance(error, ssl.SSLCertVerificationError)
            hint = "; its certificate must be one that `ca_file` or the system trusts" if refused else ""
            raise MailError(f"{where} cannot be read: {_said(error)}{hint}", retryable=True) from None

    def _with_connection(self, work: Callable[[imaplib.IMAP4], Result]) -> Result:
        try:
            return work(self._connection or self._opened())
        except BaseException:
            self._drop()
            raise

    def _opened(self) -> imaplib.IMAP4:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.tls == "implicit":
            connection: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                settings.host, settings.port, ssl_context=context, timeout=settings.timeout
            )
        else:
            connection = imaplib.IMAP4(settings.host, settings.port, timeout=settings.timeout)
        self._connection = connection  # From here on a failure closes it.
        if settings.tls == "starttls":
            connection.starttls(context)
        connection.login(settings.user, settings.password.get_secret_value())
        _ok(connection.select(_quoted(settings.mailbox)))
        self._validity = (connection.response("UIDVALIDITY")[1] or [b""])[0].decode()
        return connection

    def _unread(self, connection: imaplib.IMAP4) -> list[ReceivedMail]:
        _ok(connection.noop())
        found = _ok(connection.uid("SEARCH", "UNSEEN"))
        uids = sorted(int(uid) for uid in (found[0] or b"").split())[:AT_ONCE]
        mails = []
        for uid in uids:
            # PEEK leaves it unseen; the part is one byte longer than the limit, so that what is too long shows.
            answer = _ok(connection.uid("FETCH", str(uid), f"(BODY.PEEK[]<0.{self._settings.largest_bytes + 1}>)"))
            raw = next((part[1] for part in answer if isinstance(part, tuple)), None)
            if raw is not None:
                mails.append(ReceivedMail(id=f"{self._validity}/{uid}", raw=raw))
        return mails

    def _done(self, connection: imaplib.IMAP4, identity: str) -> None:
        validity, _, uid = identity.partition("/")
        if validity == self._validity:
            # Else the mailbox was made anew, its numbers mean other mails, and this one will be unread there.
            _ok(connection.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError, imaplib.IMAP4.error):
                connection.logout()
            with suppress(OSError):
                connection.shutdown()


def _ok(answer: tuple[str, Sequence[Any]]) -> Sequence[Any]:
    """The answer's data: for a fetch, pairs of a header and the literal behind it."""
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(data[0])
    return data


def _said(error: BaseException) -> str:
    """What the server or the system says; imaplib gives it as the text of bytes."""
    return re.sub(r"^b['\"](.*)['\"]$", r"\1", str(error)) or type(error).__name__


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
