"""A folder of .eml files as a mailbox: whoever delivers mail puts them there, and what is done is moved to `done`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from triage.mail.port import MailError, ReceivedMail


class FolderIntake:
    """Reads `*.eml`; a file under another name, such as one that is still being written, is left alone.

    At most `largest_bytes` + 1 bytes of a mail are read: one that is longer is known to be too long.
    """

    def __init__(self, folder: Path, largest_bytes: int) -> None:
        self._folder = folder
        self._largest = largest_bytes

    async def unread(self) -> Sequence[ReceivedMail]:
        try:
            return await asyncio.to_thread(self._read)
        except OSError as error:
            raise _away(self._folder, error) from None

    async def done(self, mail: ReceivedMail) -> None:
        try:
            await asyncio.to_thread(self._move, mail.id)
        except FileNotFoundError:
            return  # Somebody took it away: it is done.
        except OSError as error:
            raise _away(self._folder, error) from None

    def _read(self) -> list[ReceivedMail]:
        self._folder.mkdir(parents=True, exist_ok=True)
        found = []
        for path in self._folder.glob("*.eml"):
            try:
                with path.open("rb") as opened:
                    mail = ReceivedMail(id=path.name, raw=opened.read(self._largest + 1))
                    found.append((os.fstat(opened.fileno()).st_mtime_ns, path.name, mail))
            except (FileNotFoundError, IsADirectoryError):
                continue
        return [mail for _, _, mail in sorted(found, key=lambda one: one[:2])]

    def _move(self, name: str) -> None:
        done = self._folder / "done"
        done.mkdir(exist_ok=True)
        (self._folder / name).replace(done / name)


def _away(folder: Path, error: OSError) -> MailError:
    why = f"the mail folder {folder} cannot be used ({error.strerror}); see that it exists and is writable"
    return MailError(why, retryable=True)
