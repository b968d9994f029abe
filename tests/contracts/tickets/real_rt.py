"""A real Request Tracker 5 of Debian's, with configuration and SQLite file of its own, and people who work in it."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triage.tickets.port import TicketStatus
from triage.tickets.request_tracker.settings import RequestTrackerSettings

SETUP = "rt-setup-database-5"
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
PROVISIONING = Path(__file__).parents[3] / "deploy" / "request-tracker" / "lineproof.pl"
PEOPLE = Path(__file__).parent / "rt_people.pl"
USER = "lineproof"
STARTS_WITHIN = 90.0
"""Seconds; it takes two on an idle machine."""
CONFIGURATION = """
Set($rtname, 'noc.example'); Set($Organization, 'noc.example');
Set($WebDomain, '127.0.0.1'); Set($WebPort, {port}); Set($WebPath, ''); Set($WebBaseURL, 'http://127.0.0.1:{port}');
Set($DatabaseType, 'SQLite'); Set($DatabaseName, '{folder}/rt.sqlite'); Set($DatabaseAdmin, '');
Set($MailCommand, 'testfile'); Set($LogToSyslog, undef); Set($LogToSTDERR, 'error'); Set($LogDir, '{folder}');
Set($RestrictReferrer, 0); Set($Timezone, 'UTC'); Set($MaxAttachmentSize, 1_000_000); Set($TruncateLongAttachments, 1);
Set($BcryptCost, {hashing});
1;
"""
STATUS = {TicketStatus.IN_PROGRESS: "open", TicketStatus.PENDING: "stalled", TicketStatus.RESOLVED: "resolved"}


def is_installed() -> bool:
    """Debian's configuration of it is root's."""
    return os.geteuid() == 0 and SERVER.exists() and shutil.which(SETUP, path="/usr/sbin:/usr/bin") is not None


@dataclass(frozen=True)
class RequestTrackerServer:
    url: str
    token: str
    folder: Path

    def settings(self, **changes: object) -> RequestTrackerSettings:
        given = {"url": self.url, "user": USER, "token": self.token, "queue": "noc", "timeout": 20}
        return RequestTrackerSettings.model_validate({**given, **changes})

    def ask(self, verb: str, path: str, body: object = None, *, user: str = "anna", **headers: str) -> Any:
        """What a person who logs in with a password asks of REST2; the JSON of the answer."""
        login = base64.b64encode(f"{user}:password-of-{user}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}/REST/2.0/{path}",
            method=verb,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def search(self, query: str) -> list[str]:
        found = self.ask("GET", f"tickets?{urllib.parse.urlencode({'query': query, 'per_page': 100})}")
        return sorted((str(one["id"]) for one in found["items"]), key=int)


@contextmanager
def running(folder: Path, *, hashing: int = 4) -> Iterator[RequestTrackerServer]:
    """RT with our provisioning file and a few people; its workers end with it. `hashing` is RT's $BcryptCost, which
    each call pays for its secret: 4 is the least, RT's own is 12."""
    port = _free_port()
    (folder / "site.d").mkdir()
    configuration = folder / "RT_SiteConfig.pm"
    configuration.write_text(
        CONFIGURATION.replace("{port}", str(port)).replace("{folder}", str(folder)).replace("{hashing}", str(hashing))
    )
    environment = {
        **os.environ,
        "PATH": f"/usr/sbin:{os.environ['PATH']}",
        "RT_SITE_CONFIG": str(configuration),
        "RT_SITE_CONFIG_DIR": str(folder / "site.d"),
        "LINEPROOF_TOKEN_FILE": str(folder / "token"),
    }

    def set_up(*words: str) -> None:
        command = [SETUP, *words, "--skip-create", "--dba", "", "--dba-password", ""]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    set_up("--action", "init")
    set_up("--action", "insert", "--datafile", str(PROVISIONING))
    set_up("--action", "insert", "--datafile", str(PEOPLE))
    with (folder / "server.log").open("wb") as log:
        command = [str(SERVER), "--host", "127.0.0.1", "--port", str(port), "--max-workers", "2"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/REST/2.0/rt", process)
            yield RequestTrackerServer(url, (folder / "token").read_text(), folder)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)


def _free_port() -> int:
    """Below the ports that the kernel gives to whoever asks for any: RT opens it only a second later."""
    for port in random.sample(range(20_000, 32_000), 50):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no free port between 20000 and 32000")


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    latest = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < latest:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            assert process.poll() is None, "rt-server ended; see server.log"
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"rt-server did not start within {STARTS_WITHIN:g} s")


class Technician:
    """Somebody of the NOC."""

    name = "anna"

    def __init__(self, server: RequestTrackerServer) -> None:
        self._server = server

    async def note(self, ticket: str, text: str) -> None:
        self._server.ask("POST", f"ticket/{ticket}/comment", {"Content": text, "ContentType": "text/plain"})

    async def change(self, ticket: str, *, status: TicketStatus | None = None, owner: str | None = None) -> None:
        wanted = {"Status": STATUS[status] if status else None, "Owner": owner}
        self._server.ask("PUT", f"ticket/{ticket}", {name: value for name, value in wanted.items() if value})

    async def file(self, ticket: str, name: str) -> bytes:
        found = self._server.ask("GET", f"ticket/{ticket}/attachments?per_page=100&fields=Filename")["items"]
        (number,) = [one["id"] for one in found if one["Filename"] == name]
        return base64.b64decode(self._server.ask("GET", f"attachment/{number}")["Content"])

    async def with_key(self, external_id: str) -> Sequence[str]:
        return self._server.search(f"CF.{{Fingerprint}} = '{external_id}'")
