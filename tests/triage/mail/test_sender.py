"""Whose notice a mail is: only configured senders count, and only where our own mail server vouches for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from triage.mail.notices import MailRefusal, RefusedMailError
from triage.mail.sender import carrier_of, head_of, title_of
from triage.mail.settings import CarrierMailSettings, FolderIntakeSettings

MERIDIAN = CarrierMailSettings(carrier="Meridian Fiber", senders=("noc@meridian.example", "@notices.meridian.example"))
NUTMEG = CarrierMailSettings(carrier="Nutmeg", senders=("noc@nutmeg.example",))
US = "mx.lineproof.example"


def settings(server: str | None = US) -> FolderIntakeSettings:
    return FolderIntakeSettings(kind="folder", folder=Path(), carriers=(MERIDIAN, NUTMEG), authenticated_by=server)


def mail(sender: str, *results: str) -> bytes:
    lines = [*(f"Authentication-Results: {result}" for result in results), f"From: {sender}", "", "x"]
    return "\r\n".join(lines).encode()


def refusal(raw: bytes, server: str | None = US) -> MailRefusal:
    with pytest.raises(RefusedMailError) as refused:
        carrier_of(raw, settings(server))
    return refused.value.reason


PASSED = f"{US}; dmarc=pass header.from=meridian.example"


@pytest.mark.parametrize(
    "sender",
    [
        "noc@meridian.example", "NOC@Meridian.Example", "<noc@meridian.example>", "Meridian <noc@meridian.example>",
        '"Meridian, NOC" <noc@meridian.example>', "=?utf-8?q?M=C3=A9ridian?= <noc@meridian.example>",
    ],
)  # fmt: skip
def test_a_configured_sender_speaks_for_its_carrier(sender: str):
    assert carrier_of(mail(sender, PASSED), settings()) is MERIDIAN


def test_a_domain_may_be_configured_as_a_whole():
    assert carrier_of(mail("bot7@notices.meridian.example"), settings(None)) is MERIDIAN


@pytest.mark.parametrize(
    "sender",
    [
        "noc@meridian.example.evil.example", "evil@meridian.example", "xnoc@meridian.example", "",
        "noc@sub.notices.meridian.example", "noc@meridian.example, evil@evil.example",
        '"noc@meridian.example" <evil@evil.example>', "noc@meridian.example <evil@evil.example>",
        "evil@evil.example (noc@meridian.example)", "noc@meridian.example\r\nFrom: evil@evil.example",
        "evil@evil.example\r\nFrom: noc@meridian.example", "undisclosed:noc@meridian.example;",
    ],
)  # fmt: skip
def test_who_only_looks_like_a_configured_sender_speaks_for_nobody(sender: str):
    assert refusal(mail(sender, PASSED)) is MailRefusal.SENDER_UNKNOWN


@pytest.mark.parametrize(
    "result",
    [
        PASSED,
        f"{US} 1; spf=fail; dmarc=pass (p=reject dis=none) header.from=meridian.example",
        f"{US}; dkim=pass header.d=meridian.example header.s=k1",
        f"{US}; dkim=fail header.d=evil.example; dkim=pass header.d=meridian.example",
    ],
)
def test_dmarc_or_aligned_dkim_of_our_own_server_vouches(result: str):
    assert carrier_of(mail("noc@meridian.example", result), settings()) is MERIDIAN


@pytest.mark.parametrize(
    "results",
    [
        (),
        (f"{US}; dmarc=fail header.from=meridian.example",),
        (f"{US}; dmarc=none header.from=meridian.example",),
        (f"{US}; dmarc=pass header.from=evil.example",),
        (f"{US}; spf=pass smtp.mailfrom=meridian.example",),
        (f"{US}; dkim=pass header.d=example",),
        (f"{US}; dkim=pass header.d=evilmeridian.example",),
        (f"{US}; dkim=fail (dkim=pass header.d=meridian.example)",),
        ("mx.evil.example; dmarc=pass header.from=meridian.example",),
        (f"{US}; dmarc=fail header.from=meridian.example", PASSED),
        (f"x{US}; dmarc=pass header.from=meridian.example",),
    ],
)
def test_nothing_else_vouches(results: tuple[str, ...]):
    """Neither SPF, which says nothing of From, nor what another server wrote, nor what stands below our own result."""
    assert refusal(mail("noc@meridian.example", *results)) is MailRefusal.NOT_AUTHENTICATED


def test_whoever_says_that_nobody_vouches_believes_every_from():
    assert carrier_of(mail("noc@meridian.example"), settings(None)) is MERIDIAN


@pytest.mark.parametrize(
    ("head", "title"),
    [
        (b"From: NOC <noc@a.example>\r\nSubject: Work\r\n tonight\r\n\r\nx", "NOC <noc@a.example>: Work tonight"),
        (b"From: a@b.example\nSubject: =?utf-8?q?caf=C3=A9?=\n\nx", "a@b.example: caf\u00e9"),
        (b"Subject: =?utf-8?b?!?= =?no-such?q?x?=\n\n", "(none): =?utf-8?b?!?= =?no-such?q?x?="),
        (b"From: a@b.example\nSubject: \x1b[2Jgone\n\n", "a@b.example: ?[2Jgone"),
        (b"\x00\xff no mail at all", "(none): (none)"),
    ],
    ids=["folded", "encoded", "encoded wrongly", "a terminal's commands", "no mail"],
)
def test_people_are_shown_from_whom_and_about_what_a_mail_is(head: bytes, title: str):
    assert title_of(head_of(head)) == title


def test_a_title_is_short_however_long_a_mail_s_headers_are():
    assert len(title_of(head_of(b"From: " + b"f" * 5000 + b"\nSubject: " + b"s" * 5000 + b"\n\n"))) == 302
