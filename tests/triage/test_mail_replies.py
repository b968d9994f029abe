"""What is new in an answer, and whose it is; pure."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.tickets.email.replies import new_text, parse_reply
from triage.tickets.email.settings import EmailSettings
from triage.tickets.email.threads import ABOVE, first_id, key_of, keys_named, subject, token_of

SETTINGS = EmailSettings(
    to=("noc@provider.example",), people=("anna@provider.example", "@carrier.example"), domain="lineproof.example"
)
OURS = "mx.provider.example"


@pytest.mark.parametrize(
    ("body", "new"),
    [
        ("fixed\n\nOn Sun, 22 Nov 2026 at 10:00, Lineproof <lp@x> wrote:\n> down\n> again\n", "fixed"),
        (f"fixed at 10:00\n\n{ABOVE}\n\nSince 02:10 it is down.\n", "fixed at 10:00"),
        (f"fixed\n\nOn Sunday Lineproof\n<lp@x.example> wrote:\n\n> {ABOVE}\n> down\n\nat last", "fixed\n\nat last"),
        ("fixed\r\n-- \r\nAnna, NOC\r\n+41 44 000 00 00", "fixed"),
        ("fixed\n-----Original Message-----\nFrom: lp@provider.example\n\ndown", "fixed"),
        ("behoben\n\nAm 22.11.2026 um 10:00 schrieb Lineproof:\n> down", "behoben"),
        ("> only quoted\n> lines", ""),
        ("On the way they wrote a note:\nthe fibre is cut", "On the way they wrote a note:\nthe fibre is cut"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_is_new_in_an_answer(body: str, new: str) -> None:
    assert new_text(body) == new


@given(st.text(max_size=300))
def test_every_unquoted_line_without_a_mark_is_kept(body: str) -> None:
    lines = [line.strip() for line in body.replace("\x00", "").split("\n")]
    words = "".join(one for one in "\n".join(lines) if one.isalnum())
    if not any(mark in body for mark in (">", "--", ":", ABOVE)):
        assert "".join(one for one in new_text(body) if one.isalnum()) == words


def mail(text: str = "fixed", html: str | None = None, **headers: str) -> bytes:
    message = EmailMessage()
    for name, value in {"From": "anna@provider.example", "Subject": "Re: [LP#C-12] down", **headers}.items():
        message[name.replace("_", "-")] = value
    message.set_content(text) if html is None else message.set_content(html, subtype="html")
    return message.as_bytes()


@pytest.mark.parametrize(
    ("sender", "known"),
    [
        ("Anna <ANNA@provider.example>", True),
        ("noc@carrier.example", True),
        ("noc@carrier.example.evil.example", False),
        ("anna@provider.example@evil.example", False),
        ('"anna@provider.example" <x@evil.example>', False),
        ("bert@provider.example", False),
    ],
)
def test_who_is_known(sender: str, known: bool) -> None:
    raw = mail().replace(b"From: anna@provider.example", b"From: " + sender.encode())
    assert parse_reply(raw, SETTINGS, None).known is known


def test_two_senders_are_none() -> None:
    raw = b"From: bert@evil.example\r\n" + mail()
    reply = parse_reply(raw, SETTINGS, None)
    assert reply.sender is None
    assert not reply.known


@pytest.mark.parametrize(
    ("results", "known"),
    [
        (f"{OURS}; dmarc=pass header.from=provider.example", True),
        (f"{OURS}; dmarc=fail header.from=provider.example", False),
        ("mx.evil.example; dmarc=pass header.from=provider.example", False),
        ("", False),
    ],
)
def test_where_our_server_vouches_it_must_have(results: str, known: bool) -> None:
    raw = mail(**({"Authentication_Results": results} if results else {}))
    assert parse_reply(raw, SETTINGS, OURS).known is known


def nested(depth: int) -> bytes:
    parts = (f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth))
    return b"From: anna@provider.example\nSubject: [LP#C-12] down\n" + "".join(parts).encode()


@pytest.mark.parametrize("depth", [50, pytest.param(1_500, marks=pytest.mark.slow)])
def test_parts_within_parts_stop_nobody(depth: int) -> None:
    reply = parse_reply(nested(depth), SETTINGS, None)
    assert reply.keys == ("C-12:ticket",)
    assert reply.text == ("" if depth == 50 else None)


def test_what_cannot_become_a_note_is_not_even_read() -> None:
    stranger = nested(1_500).replace(b"anna@provider.example", b"x@evil.example")
    assert parse_reply(stranger, SETTINGS, None).text == ""


def test_a_carriers_mail_of_parts_within_parts_stops_nobody() -> None:
    from triage.mail.notices import RefusedMailError
    from triage.mail.sender import carrier_of
    from triage.mail.settings import FolderIntakeSettings

    intake = FolderIntakeSettings(kind="folder", folder=Path("mail"), authenticated_by=None)
    with pytest.raises(RefusedMailError, match="no carrier's sender"):
        carrier_of(nested(1_500), intake)


def test_html_is_read_as_text_and_its_quotation_left_out() -> None:
    html = "<style>p{}</style><p>the fibre &amp; the box</p><div>both</div><blockquote>Since 02:10</blockquote>"
    assert parse_reply(mail(html=html), SETTINGS, None).text == "the fibre & the box\nboth"


@pytest.mark.parametrize("charset", [b"no-such-set", b"latin-1"])
def test_letters_of_an_odd_character_set_cost_no_mail(charset: bytes) -> None:
    raw = (
        b'From: anna@provider.example\r\nSubject: [LP#C-12]\r\nContent-Type: text/plain; charset="'
        + charset
        + b'"\r\n\r\nZ\xfcrich\r\n'
    )
    assert parse_reply(raw, SETTINGS, None).text in ("Zürich", "Z�rich")


def whole() -> bytes:
    message = EmailMessage()
    message["From"] = "Anna <anna@provider.example>"
    message["Subject"] = "Re: [LP#C-12] down"
    message["References"] = "<C-12.ticket@lineproof.example>"
    message.set_content("fixed – at last\n> down\n")
    message.add_alternative("<p>fixed</p>", subtype="html")
    message.add_attachment(b"\x00\xff", maintype="application", subtype="pdf", filename="Prüfung.pdf")
    return message.as_bytes()


WHOLE = whole()


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 60), st.binary(max_size=8)), min_size=1, max_size=8)
)
def test_no_mail_is_too_broken_to_be_read(wounds: list[tuple[int, int, bytes]]) -> None:
    raw = WHOLE
    for place, length, put in wounds:
        raw = raw[:place] + put + raw[place + length :]
    reply = parse_reply(raw, SETTINGS, None)
    assert reply.text is not None


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60))
def test_a_key_is_found_again_in_message_id_and_subject(key: str) -> None:
    assert key_of(token_of(key)) == key
    assert keys_named(subject(key, "down"), "", "lineproof.example") == [key]
    assert keys_named("", f"<{first_id(key, 'lineproof.example')}>", "lineproof.example") == [key]


def test_a_message_id_of_another_domain_is_none_of_ours() -> None:
    assert keys_named("", "<C-12.ticket@evil.example>", "lineproof.example") == []


def test_the_tag_is_the_case() -> None:
    assert subject("C-12:ticket", "down") == "[LP#C-12] down"
