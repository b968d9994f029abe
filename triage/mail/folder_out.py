"""Mail out into a folder of .eml files, from which something else delivers it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from config.clock import Clock
from triage.mail.message import message_bytes
from triage.mail.port import Mail, MailError


class FolderMailer:
    """Implements Mailer. A file is named by its Message-ID: a mail that is sent twice is one file. It appears whole."""

    def __init__(self, folder: Path, sender: str, clock: Clock) -> None:
        self._folder = folder
        self._sender = sender
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        content = message_bytes(mail, self._sender, self._clock.now())
        try:
            await asyncio.to_thread(self._write, mail.message_id, content)
        except OSError as error:
            raise MailError(
                f"the mail folder {self._folder} cannot be written to ({error.strerror}); see that it is writable and "
                "has room",
                retryable=True,
            ) from None

    def _write(self, message_id: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        short = hashlib.sha256(message_id.encode()).hexdigest()[:32]
        whole, partial = self._folder / f"{short}.eml", self._folder / f".{short}.{os.getpid()}.partial"
        with partial.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        partial.replace(whole)
