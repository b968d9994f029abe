"""Tickets by mail: a thread, what comes back on it, and a server that refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from contract_values import BINARY, new, theirs, told
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from stub_mail import PASSWORD, USER, PostOffice, post_office
from system_email import settings, smtp

from config.clock import ManualClock, SystemClock
from config.database import Database
from triage.evidence import EvidenceFile
from triage.mail.folder_out import FolderMailer
from triage.mail.port import Mail, MailError, ReceivedMail
from triage.mail.smtp import SmtpMailer
from triage.tickets.email.adapter import EmailTickets, Taken
from triage.tickets.port import TicketError, TicketStatus, TicketUpdate

pytestmark = pytest.mark.rim
START = datetime(2026, 11, 22, 2, 10, tzinfo=UTC)
MAIL = Mail(message_id="C-12.note@lineproof.example", to=("noc@provider.example",), subject="down", text="no packet")


class Thread:
    def __init__(self, office: PostOffice, tickets: EmailTickets) -> None:
        self.office, self.tickets = office, tickets

    async def take(self, text: str = "on my way", **headers: str) -> Taken:
        answer = EmailMessage()
        given = {"From": "anna@provider.example", "Message-ID": "<1@provider.example>", "Subject": "Re: [LP#C-12] down"}
        for name, value in {**given, **{name.replace("_", "-"): value for name, value in headers.items()}}.items():
            answer[name] = value
        answer.set_content(text)
        return await self.tickets.take(ReceivedMail(id="1", raw=answer.as_bytes()), None)


@pytest.fixture
async def thread(tmp_path: Path) -> AsyncIterator[Thread]:
    database = Database(tmp_path / "records.db", throwaway=True)
    await database.create_all()
    with post_office() as office:
        yield Thread(
            office, EmailTickets(settings(), SmtpMailer(smtp(office.port), SystemClock()), database, SystemClock())
        )
    await database.close()


async def test_a_ticket_is_one_thread_under_message_ids_of_our_keys(thread: Thread) -> None:
    ticket = await thread.tickets.create(new("C-12:ticket"))
    await thread.tickets.add_note(ticket, "C-12:note:1", "measured again")
    await thread.tickets.attach(ticket, BINARY)
    first, note, evidence = thread.office.messages()
    assert first["Message-ID"] == "<C-12.ticket@lineproof.example>"
    assert first["Subject"] == "[LP#C-12] store-114: the line of Example Carrier is down"
    for later in (note, evidence):
        assert later["In-Reply-To"] == later["References"] == first["Message-ID"]
        assert "[LP#C-12]" in later["Subject"]
    assert [part.get_payload(decode=True) for part in evidence.iter_attachments()] == [BINARY.content]
    assert first["Auto-Submitted"] == "auto-generated"


async def test_a_mail_that_was_taken_though_its_answer_was_lost_goes_again_under_the_same_id(thread: Thread) -> None:
    thread.office.refused_mails.append("451 try later")
    with pytest.raises(TicketError) as raised:
        await thread.tickets.create(new("C-12:ticket"))
    assert raised.value.retryable
    assert await thread.tickets.find("C-12:ticket") is None
    await thread.tickets.create(new("C-12:ticket"))
    await thread.tickets.create(new("C-12:ticket"))
    assert [one["Message-ID"] for one in thread.office.messages()] == ["<C-12.ticket@lineproof.example>"]


async def test_what_is_written_again_under_its_key_is_not_sent_again(thread: Thread) -> None:
    ticket = await thread.tickets.create(new("C-12:ticket"))
    for _ in range(3):
        await thread.tickets.add_note(ticket, "C-12:note:1", "measured again")
        await thread.tickets.update(ticket, "C-12:hand_over", TicketUpdate(queue="Field"))
        await thread.tickets.attach(ticket, BINARY)
    assert len(thread.office.mails) == 4


async def test_what_an_answer_refers_to_counts_before_its_subject(thread: Thread) -> None:
    first = await thread.tickets.create(new("C-12:ticket"))
    second = await thread.tickets.create(new("C-99:ticket"))
    assert await thread.take(Subject="[LP#C-99]", References="<C-12.ticket@lineproof.example>") is Taken.NOTE
    assert len(theirs(await thread.tickets.show(first))) == 1
    assert theirs(await thread.tickets.show(second)) == []


async def test_a_hand_over_goes_to_the_other_desk_and_says_so(thread: Thread) -> None:
    ticket = await thread.tickets.create(new("C-12:ticket"))
    await thread.tickets.update(ticket, "C-12:hand_over", TicketUpdate(queue="Field", text="no recovery in 90 minutes"))
    await thread.tickets.update(ticket, "C-12:resolve", TicketUpdate(status=TicketStatus.RESOLVED, text="stayed gone"))
    assert thread.office.recipients[1:] == [["field@provider.example"], ["field@provider.example"]]
    words = [one.get_body(("plain",)).get_content() for one in thread.office.messages()[1:]]
    assert "Queue: Field." in words[0]
    assert "no recovery in 90 minutes" in words[0]
    assert "Status: resolved." in words[1]


@pytest.mark.parametrize(
    "headers",
    [
        {"Subject": "AW: [LP#C-12] down"},
        {"Subject": "something else", "References": "<x@y.example> <C-12.ticket@lineproof.example>"},
        {"Subject": "something else", "In_Reply_To": "<C-12.0123456789abcdef@lineproof.example>"},
        {"Subject": "[LP#C-99] another", "References": "<C-12.ticket@lineproof.example>"},
    ],
)
async def test_an_answer_is_found_by_its_references_or_its_tag(thread: Thread, headers: dict[str, str]) -> None:
    ticket = await thread.tickets.create(new("C-12:ticket"))
    assert await thread.take(**headers) is Taken.NOTE
    (note,) = theirs(await thread.tickets.show(ticket))
    assert (note.author, note.text) == ("anna@provider.example", "on my way")


async def test_an_answer_that_is_read_twice_is_one_note(thread: Thread) -> None:
    ticket = await thread.tickets.create(new("C-12:ticket"))
    for _ in range(2):
        assert await thread.take() is Taken.NOTE
    assert len(theirs(await thread.tickets.show(ticket))) == 1


async def test_a_stranger_changes_nothing_and_is_kept_for_people_to_read(thread: Thread) -> None:
    ticket = await thread.tickets.create(new("C-12:ticket"))
    assert await thread.take("Status: resolved", From="anna@provider.example.evil.example") is Taken.UNVERIFIED
    shown = await thread.tickets.show(ticket)
    assert shown.notes == ()
    assert not shown.status.ended
    assert [file.media_type for file in shown.attachments] == ["message/rfc822"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-replied; owner-email=\"x@y.example\""},
        {"Return_Path": "<>"},
        {"Precedence": "bulk"},
        {"From": "MAILER-DAEMON@provider.example"},
        {"Message_ID": "<C-12.ticket@lineproof.example>"},
    ],
)  # fmt: skip
async def test_what_no_person_wrote_becomes_no_note(thread: Thread, headers: dict[str, str]) -> None:
    ticket = await thread.tickets.create(new("C-12:ticket"))
    sent = len(thread.office.mails)
    assert await thread.take(**headers) is Taken.AUTOMATIC
    assert (await thread.tickets.show(ticket)).notes == ()
    assert len(thread.office.mails) == sent


async def test_a_mail_about_no_ticket_of_ours_is_left_to_others(thread: Thread) -> None:
    await thread.tickets.create(new("C-12:ticket"))
    assert await thread.take(Subject="[LP#C-120] down") is Taken.NO_TICKET
    assert await thread.take(Subject="maintenance of CKT-114/1") is Taken.NO_TICKET


async def test_words_of_a_ticket_never_become_headers(thread: Thread) -> None:
    await thread.tickets.create(new("C-12:ticket", name="down\r\nBcc: all@provider.example\r\n\r\nhello"))
    (message,) = thread.office.messages()
    assert message["Bcc"] is None
    assert message["Subject"] == "[LP#C-12] down Bcc: all@provider.example hello"
    with pytest.raises(MailError, match="no mail address"):
        await SmtpMailer(smtp(thread.office.port), SystemClock()).send(
            Mail(message_id="a@b", to=("a@b.example\r\nBcc: c@d.example",), subject="s", text="t")
        )
    assert len(thread.office.mails) == 1


@pytest.mark.parametrize(("answer", "retryable"), [("451 greylisted", True), ("554 no such thing", False)])
async def test_4yz_may_go_later_and_5yz_will_not(thread: Thread, answer: str, retryable: bool) -> None:
    thread.office.refused_mails.append(answer)
    with pytest.raises(MailError, match=answer[:3]) as raised:
        await SmtpMailer(smtp(thread.office.port), SystemClock()).send(MAIL)
    assert raised.value.retryable is retryable


@pytest.mark.parametrize(("answer", "retryable"), [("450 busy", True), ("550 unknown", False)])
async def test_an_address_that_is_refused_is_named_and_all_others_have_the_mail(
    thread: Thread, answer: str, retryable: bool
) -> None:
    thread.office.refused_addresses["gone@provider.example"] = answer
    both = Mail(message_id="a@b.example", to=("gone@provider.example", "noc@provider.example"), subject="s", text="t")
    with pytest.raises(MailError, match=r"gone@provider\.example.*all others have it") as raised:
        await SmtpMailer(smtp(thread.office.port), SystemClock()).send(both)
    assert raised.value.retryable is retryable
    assert thread.office.recipients == [["noc@provider.example"]]


async def test_a_server_that_is_away_or_silent_may_be_there_later() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for port in (mute.getsockname()[1], nobody.getsockname()[1]):
            with pytest.raises(MailError) as raised:
                await SmtpMailer(smtp(port, timeout=0.5), SystemClock()).send(MAIL)
            assert raised.value.retryable


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = SystemClock().now()
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


async def test_over_starttls_the_server_is_verified_and_the_password_sent_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    monkeypatch.setenv("WRONG_PASSWORD", "wrong-secret-of-the-tests")
    pem, key = certificate(tmp_path, "localhost")
    with post_office(pem, key) as office:
        known = {"tls": "starttls", "host": "localhost", "user": USER, "password": "env:MAIL_PASSWORD"}
        await SmtpMailer(smtp(office.port, **known, ca_file=pem), SystemClock()).send(MAIL)
        assert len(office.mails) == 1
        with pytest.raises(MailError, match="certificate we cannot verify"):
            await SmtpMailer(smtp(office.port, **known), SystemClock()).send(MAIL)
        wrong = {**known, "password": "env:WRONG_PASSWORD", "ca_file": pem}
        with pytest.raises(MailError, match="check the password in the settings") as raised:
            await SmtpMailer(smtp(office.port, **wrong), SystemClock()).send(MAIL)
        assert "wrong-secret" not in str(raised.value)
        assert len(office.mails) == 1


async def test_a_folder_holds_each_mail_once_and_whole(tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path / "out", "lineproof@provider.example", ManualClock(START))
    file = EvidenceFile("samples.csv", "text/csv", b"time;loss\r\n1;2\n\r\n")
    mail = Mail(message_id="a@b.example", to=("noc@provider.example",), subject="s", text="t", attachments=(file,))
    await mailer.send(mail)
    (path,) = (tmp_path / "out").iterdir()
    first = path.read_bytes()
    await mailer.send(mail)
    assert [one.read_bytes() for one in (tmp_path / "out").iterdir()] == [first]
    assert path.suffix == ".eml"
    assert b"Date: Sun, 22 Nov 2026 02:10:00 +0000" in first
    with pytest.raises(MailError, match="to nobody"):
        await mailer.send(Mail(message_id="a@b.example", to=(), subject="s", text="t"))


async def test_what_a_person_wrote_between_quoted_lines_is_kept(thread: Thread) -> None:
    ticket = await thread.tickets.create(new("C-12:ticket"))
    await thread.take("> Since 02:10 no packet came through.\nsince 02:05 in fact\n> The router answers\nyes, it does")
    assert told(theirs(await thread.tickets.show(ticket))) == ["since 02:05 in fact", "yes, it does"]
