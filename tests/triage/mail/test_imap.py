"""A real IMAP server (Dovecot, as Debian ships it) behind TLS: unread mails come oldest first, and stay until done."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from aiohttp.test_utils import unused_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from triage.mail.imap import ImapIntake
from triage.mail.port import MailError
from triage.mail.settings import ImapIntakeSettings

pytestmark = [pytest.mark.rim, pytest.mark.real, pytest.mark.slow]

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = 127.0.0.1
protocols = imap
ssl = required
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:{folder}/maildir
first_valid_uid = 0
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = static
  args = password=right-password
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}
}}
service imap-login {{
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    folder: Path
    plain: int
    tls: int

    def settings(self, **instead: object) -> ImapIntakeSettings:
        mine = {
            "kind": "imap", "host": "127.0.0.1", "port": self.tls, "user": "noc", "password": "env:HOME",
            "authenticated_by": None, "ca_file": self.folder / "certificate.pem", "largest_bytes": 1_000, "timeout": 10,
        }  # fmt: skip
        right = ImapIntakeSettings.model_validate(mine | instead)
        return right.model_copy(update={"password": SecretStr("right-password")} if "password" not in instead else {})

    def deliver(self, name: str, content: bytes, age: int = 0) -> None:
        """As a mail server does: a whole file under a new name."""
        path = self.folder / "maildir/new" / f"{int(time.time()) - age}.{name}.here"
        path.write_bytes(content)
        shutil.chown(path, "mail", "mail")


def certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "imap.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if shutil.which("dovecot") is None or os.geteuid() != 0:
        pytest.skip("NOT TESTED against a real IMAP server: it needs root and Debian's dovecot-imapd")
    # Not among pytest's own folders, which are closed to the user that mail belongs to.
    with TemporaryDirectory(prefix="lineproof-imap-") as name:
        yield from served(Path(name))


def served(folder: Path) -> Iterator[Server]:
    folder.chmod(0o755)
    certificate(folder)
    for part in ("maildir", "maildir/new", "maildir/cur", "maildir/tmp"):
        (folder / part).mkdir()
        shutil.chown(folder / part, "mail", "mail")
    shutil.chown(folder, "mail", "mail")
    found = Server(folder, unused_port(), unused_port())
    configuration = folder / "dovecot.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, plain=found.plain, tls=found.tls), encoding="utf-8")
    running = subprocess.Popen(["dovecot", "-F", "-c", str(configuration)])
    try:
        wait_for(found)
        yield found
    finally:
        running.terminate()
        running.wait(10)


def wait_for(server: Server) -> None:
    context = ssl.create_default_context(cafile=server.folder / "certificate.pem")
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", server.tls), 1) as plain:
                context.wrap_socket(plain, server_hostname="127.0.0.1").close()
            return
        except OSError:
            time.sleep(0.1)
    log = server.folder / "log"
    raise AssertionError(log.read_text() if log.exists() else "dovecot did not start")


@pytest.fixture
def mailbox(server: Server) -> Server:
    for path in server.folder.glob("maildir/*/*.here*"):
        path.unlink()
    return server


async def test_unread_mails_come_oldest_first_and_stay_until_they_are_done(mailbox: Server):
    mailbox.deliver("b", b"Subject: second\r\n\r\nx")
    mailbox.deliver("a", b"Subject: first\r\n\r\n\xffraw", age=60)
    intake = ImapIntake(mailbox.settings())
    first, second = await intake.unread()
    assert (first.raw, second.raw) == (b"Subject: first\r\n\r\n\xffraw", b"Subject: second\r\n\r\nx")
    assert [mail.id for mail in await intake.unread()] == [first.id, second.id]
    await intake.done(first)
    assert [mail.id for mail in await intake.unread()] == [second.id]
    await intake.close()
    again = ImapIntake(mailbox.settings())
    assert [mail.raw for mail in await again.unread()] == [second.raw]
    await again.done(second)
    assert await again.unread() == []
    mailbox.deliver("c", b"Subject: third\r\n\r\n")
    assert [mail.raw for mail in await again.unread()] == [b"Subject: third\r\n\r\n"]
    await again.close()


async def test_of_a_mail_that_is_too_long_one_byte_more_than_the_limit_is_read(mailbox: Server):
    mailbox.deliver("long", b"Subject: x\r\n\r\n" + b"y" * 5_000)
    intake = ImapIntake(mailbox.settings())
    assert [len(mail.raw) for mail in await intake.unread()] == [1_001]
    await intake.close()


async def test_starttls_is_spoken_too(mailbox: Server):
    mailbox.deliver("one", b"Subject: x\r\n\r\n")
    intake = ImapIntake(mailbox.settings(port=mailbox.plain, tls="starttls"))
    assert len(await intake.unread()) == 1
    await intake.close()


async def test_a_certificate_that_nobody_trusts_gets_no_password(mailbox: Server):
    with pytest.raises(MailError, match="ca_file") as error:
        await ImapIntake(mailbox.settings(ca_file=None)).unread()
    assert error.value.retryable
    with pytest.raises(MailError, match="ca_file"):
        await ImapIntake(mailbox.settings(ca_file=None, port=mailbox.plain, tls="starttls")).unread()


async def test_a_password_that_is_wrong_is_told_and_not_shown(mailbox: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WRONG", "not-this-one")
    with pytest.raises(MailError) as error:
        await ImapIntake(mailbox.settings(password="env:WRONG")).unread()
    assert "cannot be read" in str(error.value)
    assert "not-this-one" not in str(error.value)


async def test_a_connection_that_broke_is_made_anew(mailbox: Server):
    mailbox.deliver("one", b"Subject: x\r\n\r\n")
    intake = ImapIntake(mailbox.settings())
    assert len(await intake.unread()) == 1
    end_connections(mailbox)
    with pytest.raises(MailError):
        await intake.unread()
    assert len(await intake.unread()) == 1
    await intake.close()


def end_connections(server: Server) -> None:
    """Kill the processes of this server that speak with its clients."""
    master = (server.folder / "run/master.pid").read_text().strip()
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    for child in children:
        if Path(f"/proc/{child}/comm").read_text().strip() == "imap":
            os.kill(int(child), signal.SIGKILL)


async def test_a_server_that_is_away_is_told_with_its_address():
    port = unused_port()
    settings = Server(Path("/nowhere"), port, port).settings(ca_file=None)
    with pytest.raises(MailError, match=rf"127\.0\.0\.1:{port} cannot be read") as error:
        await ImapIntake(settings).unread()
    assert error.value.retryable
