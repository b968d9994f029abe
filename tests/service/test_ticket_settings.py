"""The settings of ticket systems and of mail out: what is refused, and that each kind opens."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from config.clock import SystemClock
from config.database import Database
from config.errors import ConfigurationError
from config.yamlfile import read_model
from service.installation import opened
from service.mail_intake import open_intake, take_in
from service.mailing import open_mailer
from service.migrations import upgrade
from service.ticketing import opened_tickets
from triage.mail.settings import MailSettings
from triage.tickets.port import NewTicket
from triage.tickets.settings import TicketSettings

LOCAL = "http://127.0.0.1:1"
SYSTEMS = {
    "builtin": {"kind": "builtin"},
    "tmf621": {"kind": "tmf621", "url": LOCAL, "token": "t"},
    "servicenow": {"kind": "servicenow", "url": LOCAL, "username": "u", "password": "p"},
    "repair_api": {"kind": "repair_api", "url": LOCAL, "token_url": LOCAL, "client_id": "c", "client_secret": "s",
                   "clients": {"acme": 9994}},
    "email": {"kind": "email", "to": ["noc@provider.example"]},
}  # fmt: skip
OUT = {"outgoing": {"kind": "folder", "folder": "out", "sender": "lineproof@provider.example"}}


@pytest.mark.rim
@pytest.mark.parametrize("kind", sorted(SYSTEMS))
async def test_each_system_opens_under_its_name(kind: str, tmp_path: Path) -> None:
    settings = TicketSettings.model_validate({"system": SYSTEMS[kind]})
    mailer = open_mailer(MailSettings.model_validate(OUT))
    database = Database(tmp_path / "records.db", throwaway=True)
    async with opened_tickets(settings, database, SystemClock(), mailer) as tickets:
        assert tickets.name == kind
    await database.close()


@pytest.mark.rim
async def test_tickets_by_mail_need_a_way_out(tmp_path: Path) -> None:
    settings = TicketSettings.model_validate({"system": SYSTEMS["email"]})
    database = Database(tmp_path / "records.db", throwaway=True)
    with pytest.raises(ConfigurationError, match=r"add `mail\.outgoing`"):
        async with opened_tickets(settings, database, SystemClock(), None):
            pass
    await database.close()


FAR = "https://tickets.example.net"
REFUSED = {
    "a secret in the settings": ({**SYSTEMS["tmf621"], "url": FAR}, "env:NAME or file:PATH"),
    "a password in the settings": ({**SYSTEMS["servicenow"], "url": FAR}, "env:NAME or file:PATH"),
    "a client secret in the settings": ({**SYSTEMS["repair_api"], "url": FAR}, "env:NAME or file:PATH"),
    "secrets over http": ({**SYSTEMS["tmf621"], "url": "http://tickets.example.net", "token": "env:HOME"}, "https://"),
    "a token from over http": ({**SYSTEMS["repair_api"], "token_url": "http://id.example.net"}, "https://"),
    "a user in the url": ({**SYSTEMS["tmf621"], "url": "http://u:p@127.0.0.1"}, "without user and password"),
    "two ways to log in": ({**SYSTEMS["servicenow"], "token": "t"}, "either a password or a token"),
    "no way to log in": ({"kind": "tmf621", "url": LOCAL}, "either a token, or client_id"),
    "a severity without a word": ({**SYSTEMS["tmf621"], "severities": {"critical": "1"}}, "for each of ours"),
    "a state without a number": ({**SYSTEMS["servicenow"], "states": {"resolved": "6"}}, "for each of ours"),
    "mail to no address": ({"kind": "email", "to": ["noc"]}, "a mail address"),
    "mail to nobody": ({"kind": "email", "to": []}, "at least 1"),
    "a name that hides a header": ({"kind": "email", "to": ["noc@x.example\nBcc: y@x.example"]}, "a mail address"),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_settings_that_cannot_be_meant_are_refused(what: str) -> None:
    given, why = REFUSED[what]
    with pytest.raises(ValidationError, match=why):
        TicketSettings.model_validate({"system": given})


SMTP = {"kind": "smtp", "host": "mail.example.net", "sender": "lineproof@provider.example"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({**SMTP, "tls": "none"}, "none is for loopback"),
        ({**SMTP, "user": "u"}, "both user and password"),
        ({**SMTP, "user": "u", "password": "open"}, "env:NAME or file:PATH"),
        ({**SMTP, "sender": "Line Proof"}, "a mail address"),
    ],
)
def test_a_way_out_that_cannot_be_meant_is_refused(given: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        MailSettings.model_validate({"outgoing": given})


def test_a_folder_of_the_settings_lies_beside_them(tmp_path: Path) -> None:
    settings = MailSettings.model_validate(OUT).within(tmp_path)
    assert settings.outgoing is not None
    assert settings.outgoing.kind == "folder"
    assert settings.outgoing.folder == tmp_path / "out"


@pytest.mark.rim
@pytest.mark.slow
async def test_an_answer_in_the_mailbox_becomes_a_note_of_its_ticket(tmp_path: Path) -> None:
    """Settings, mailbox and folder of outgoing mail as an installation has them."""
    (tmp_path / "lineproof.yaml").write_text(
        "data: var\n"
        "tickets: {system: {kind: email, to: [noc@provider.example], people: ['@provider.example']}}\n"
        "mail:\n"
        "  outgoing: {kind: folder, folder: out, sender: lineproof@provider.example}\n"
        "  intake: {kind: folder, folder: in, authenticated_by: mx.provider.example}\n"
    )
    (tmp_path / "var").mkdir()
    records = Database(tmp_path / "var/records.db")
    await upgrade(records)
    await records.close()
    async with opened(tmp_path / "lineproof.yaml") as installation:
        ticket = await installation.tickets.create(
            NewTicket(external_id="C-12:ticket", name="down", description="", severity=None, client="acme", site="s")
        )
        (sent,) = (tmp_path / "out").glob("*.eml")
        intake = installation.settings.mail.intake
        assert intake is not None
        mailbox = open_intake(intake)
        answer = sent.read_bytes().replace(b"From: lineproof@", b"From: anna@").replace(b"Message-ID:", b"In-Reply-To:")
        answer = answer.replace(b"Auto-Submitted: auto-generated\r\n", b"")
        vouched = b"Authentication-Results: mx.provider.example; dmarc=pass header.from=provider.example\r\n" + answer
        for name, mail in (("forged", answer), ("sound", vouched.replace(b"\r\n\r\n", b"\r\n\r\non my way\r\n", 1))):
            (tmp_path / "in").mkdir(exist_ok=True)
            (tmp_path / "in" / f"{name}.eml").write_bytes(mail)
        assert await take_in(installation, mailbox, intake) == 2
        shown = await installation.tickets.show(ticket)
        assert [(note.author, note.text) for note in shown.notes] == [("anna@provider.example", "on my way")]
        assert len(shown.attachments) == 1
        assert list((tmp_path / "in").glob("*.eml")) == []


def test_an_unknown_kind_of_system_names_those_that_there_are(tmp_path: Path) -> None:
    file = tmp_path / "tickets.yaml"
    file.write_text("system: {kind: service_now}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        read_model(file, TicketSettings)
    (fault,) = refused.value.faults
    assert fault.expected.startswith("kind to be one of builtin, request_tracker, tmf621, servicenow")
    assert fault.expected.endswith("(did you mean servicenow?)")
