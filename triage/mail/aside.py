"""Mails that need a person: kept in the data folder, each with the reason beside it, until somebody removes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from triage.mail.notices import MailRefusal
from triage.mail.sender import head_of, title_of

FOLDER = Path("mail/aside")


@dataclass(frozen=True, slots=True)
class AsideMail:
    """`title` names its sender and subject, as they stand in it."""

    path: Path
    why: str
    title: str


def put_aside(data: Path, raw: bytes, reason: MailRefusal, why: str) -> AsideMail:
    """Keep a mail with its reason; the same mail lies there once. The reason comes last: without it the mail would be
    put again. Raises OSError."""
    folder = data / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(raw).hexdigest()[:16]}.eml"
    text = f"{reason.value}: {why}"
    for name, content in ((path, raw), (path.with_suffix(".why"), text.encode())):
        partial = name.with_name(name.name + ".part")
        partial.write_bytes(content)
        partial.replace(name)
    return AsideMail(path, text, title_of(head_of(raw)))


def mails_waiting(data: Path) -> list[str]:
    """A sentence where mails wait for a person."""
    waiting = len(list((data / FOLDER).glob("*.why")))
    mails = "a carrier's mail waits" if waiting == 1 else f"{waiting} mails of carriers wait"
    return [f"{mails} for a person; `lineproof inventory maintenance list` says why"] if waiting else []


def set_aside_mails(data: Path) -> list[AsideMail]:
    """Every mail that waits for a person, by its file."""
    return [_waiting(reason) for reason in sorted((data / FOLDER).glob("*.why"))]


def _waiting(reason: Path) -> AsideMail:
    mail = reason.with_suffix(".eml")
    title = title_of(head_of(mail.read_bytes())) if mail.is_file() else "the mail itself is gone"
    return AsideMail(mail, reason.read_text(encoding="utf-8"), title)
