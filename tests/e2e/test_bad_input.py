"""What people and far ends get wrong, through the real commands: one clear sentence, the right exit code, no traces."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FAILED, USAGE, NOT_FOUND = 1, 2, 3
DONE = 0


def say(done: subprocess.CompletedProcess[str], code: int) -> str:
    """What was said on stderr, once it is sure that it is one sentence of ours and not a crash."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr.strip()


def counts(house: Any) -> dict[str, int]:
    """Rows of everything that a refused command must not have written."""
    tables = ("inventory_site", "inventory_link", "triage_inbox", "triage_case", "ticket", "triage_outbox")
    with closing(sqlite3.connect(house.records)) as connection:
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def month_ahead() -> str:
    return (datetime.now(UTC) + timedelta(days=32)).strftime("%Y-%m")


UNDERSTOOD: list[tuple[list[str], int, str]] = [
    (["inventory", "show", "nowhere"], NOT_FOUND, r"lineproof: .*'nowhere'.*"),
    (["inventory", "show", "Pier"], USAGE,
     r"lineproof: 'Pier' is 2 sites: depot-1 \(globex, alias Pier\); store-114 \(acme, alias Pier\); give the .*id"),
    (["inventory", "import", "/nonexistent.yaml"], USAGE, r"lineproof: /nonexistent.yaml does not exist; .*"),
    (["triage", "nowhere", "--since", "09:30"], NOT_FOUND, r"lineproof: .*'nowhere'.*"),
    (["triage", "114", "--since", "2099-01-01 09:30"], USAGE,
     r"lineproof: '2099-01-01 09:30' is in the future: it is .* in America/Chicago now; give a time that has been"),
    (["triage", "114", "--since", "2020-01-01 09:30"], USAGE,
     r"lineproof: the trouble at store-114 is said to begin at 2020-01-01 09:30 CST, more than 7 days ago; .*"),
    (["triage", "114", "--since", "since lunch"], USAGE, r"lineproof: 'since lunch' is not a time; write HH:MM or .*"),
    (["triage", "114", "--since", "09:30", "--symptom", "sluggish"], USAGE, r"lineproof: 'sluggish' is no symptom; .*"),
    (["triage", "114", "--since", "2099-01-01 09:30", "--open-ticket"], USAGE, r"lineproof: .* is in the future: .*"),
    (["case", "show", "C-77"], NOT_FOUND, r"lineproof: there is no case C-77; `lineproof case list` shows the cases"),
    (["case", "show", "seventy"], NOT_FOUND, r"lineproof: 'seventy' is not an id like C-12; .*"),
    (["case", "show", "C-99999999999999999999999"], NOT_FOUND, r"lineproof: .*C-9999.*"),
    (["case", "show", "T-1"], NOT_FOUND, r"lineproof: 'T-1' is not an id like C-12; .*"),
    (["ticket", "show", "C-1"], NOT_FOUND, r"lineproof: 'C-1' is not an id like T-12; .*"),
    (["reroute", "approve", "C-1", "--by", "Kim Lee"], NOT_FOUND, r"lineproof: 'C-1' is not an id like P-12; .*"),
    (["ticket", "show", "T-77"], NOT_FOUND, r"lineproof: there is no ticket T-77; `lineproof ticket list` .*"),
    (["poll", "no-such-router"], NOT_FOUND, r"lineproof: no device is known as 'no-such-router'; .*"),
    (["reroute", "approve", "P-77", "--by", "Kim Lee"], NOT_FOUND, r"lineproof: there is no proposal P-77; .*"),
    (["reroute", "options", "nowhere"], NOT_FOUND, r"lineproof: .*'nowhere'.*"),
    (["report", "evidence", "C-77"], NOT_FOUND, r"lineproof: there is no case C-77; .*"),
    (["report", "performance", "acme", "--month", month_ahead()], USAGE, rf"lineproof: .*{month_ahead()}.*"),
    (["report", "performance", "acme", "--month", "March"], USAGE, r"lineproof: .*'?March'?.*YYYY-MM.*"),
    (["report", "performance", "initech", "--month", "2026-03"], NOT_FOUND, r"lineproof: .*'?initech'?.*"),
    (["report", "performance", "acme", "--month", "2026-03", "--format", "docx"], USAGE,
     r"lineproof: --format 'docx': choose any of html,pdf"),
    (["store", "export", "out", "--format", "xls"], USAGE, r"lineproof: --format 'xls': choose parquet or csv"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "sentence"), UNDERSTOOD, ids=lambda each: str(each)[:60])
def test_what_cannot_be_meant_is_one_sentence_and_changes_nothing(
    shared: Any, arguments: list[str], code: int, sentence: str
) -> None:
    before = counts(shared)
    said = say(shared.lineproof(*arguments), code)
    assert re.fullmatch(sentence, said), said
    assert counts(shared) == before


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, build: Callable[[Path], Any]) -> Any:
    """One house for all commands that change nothing."""
    return build(tmp_path_factory.mktemp("shared") / "house")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("listen: {desk: 8080}\nsnpm: {every: 60}\n", r"lineproof.yaml:2: snpm: .*expected one of snmp, .*"),
        ("snmp:\n  credentials:\n    a: {community: env:NOT_SET_ANYWHERE}\n",
         r"lineproof.yaml:3: .*community: '\*\*\*': expected the environment variable NOT_SET_ANYWHERE, .*not set"),
        ("snmp: {every: [\n", r"lineproof: .*lineproof.yaml is not YAML: .*"),
        ("- just\n- a list\n", r"lineproof: .*lineproof.yaml has 1 fault"),
        ("orchestrators:\n  vco1: {url: 'http://vco.example.net', token: env:TEST_TOKEN}\n",
         r"lineproof.yaml:2: orchestrators.vco1.url: .*expected a URL with https://.*"),
        ("policy: nowhere.yaml\n", r"lineproof: .*nowhere.yaml does not exist; .*"),
    ],
)  # fmt: skip
def test_each_fault_of_the_settings_is_named_with_its_line(
    shared: Any, tmp_path: Path, secrets: tuple[str, ...], text: str, sentence: str
) -> None:
    settings = tmp_path / "lineproof.yaml"
    settings.write_text(text)
    if "policy" in text:
        settings.write_text(text + f"data: {shared.folder / 'var'}\n")
    command = [*shared.command("triage", "114", "--since", "00:00")[:-1], str(settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=shared.environment)
    said = say(done, USAGE)
    assert re.search(sentence, said), said
    assert not any(secret in said for secret in secrets)


def test_no_settings_file_says_how_to_get_one(shared: Any, tmp_path: Path) -> None:
    command = shared.command("case", "list")[:-2]
    here = {"cwd": tmp_path, "env": {**shared.environment, "PYTHONPATH": str(Path(__file__).parents[2])}}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **here)
    assert "`lineproof init DIR` makes one" in say(done, USAGE)


def test_of_an_inventory_with_an_unknown_site_nothing_is_imported(shared: Any, tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    sites = [{"id": "store-9", "client": "acme"}]
    links = [{"id": "store-9-wan1", "site": "store-9"}, {"id": "lost-wan1", "site": "store-10"}]
    file.write_text(yaml.safe_dump({"sites": sites, "links": links}))
    before = counts(shared)
    said = say(shared.lineproof("inventory", "import", str(file)), USAGE)
    assert "1 fault; nothing is imported" in said
    assert re.search(r"inventory.yaml:\d+: links\[1\].site: 'store-10': expected ", said)
    assert counts(shared) == before


def test_a_records_database_that_is_none_is_one_sentence(house: Any) -> None:
    house.records.write_bytes(b"this is no database, and longer than a page header of one would be" * 100)
    said = say(house.lineproof("case", "list"), FAILED)
    assert re.fullmatch(
        r"lineproof: the records database .*records.db failed: file is not a database; see that .*", said
    )


def test_a_folder_that_cannot_be_written_is_one_sentence(shared: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "a-file"
    blocked.touch()
    report = ("report", "performance", "acme", "--month", "2026-03", "--out", str(blocked))
    assert str(blocked) in say(shared.lineproof(*report), FAILED)


def point(house: Any, port: int, address: str = "127.0.0.1") -> None:
    """Let the inventory's router be at this port."""
    file = house.folder / "router.yaml"
    device = {
        "id": "store-114-rtr", "site": "store-114", "role": "router", "management_address": address,
        "snmp": {"credential": "stores", "port": port},
    }  # fmt: skip
    file.write_text(yaml.safe_dump({"devices": [device]}))
    assert house.lineproof("inventory", "import", str(file)).returncode == DONE


def stored(house: Any) -> tuple[list[str], list[str]]:
    """All samples and all facts, as lines of CSV."""
    folder = house.folder / "exported"
    done = house.lineproof("store", "export", str(folder), "--format", "csv")
    assert done.returncode == DONE, done.stderr
    lines = {path: path.read_text().splitlines()[1:] for path in folder.rglob("*.csv")}
    facts = [line for path, found in lines.items() if "fact" in path.name for line in found]
    return [line for path, found in lines.items() if "fact" not in path.name for line in found], facts


def test_an_agent_that_is_silent_or_garbled_is_told_and_nothing_is_stored(
    house: Any, agent: Any, secrets: tuple[str, ...]
) -> None:
    point(house, agent.port)
    fine = house.lineproof("poll", "store-114-rtr")
    assert fine.returncode == DONE, fine.stderr

    agent.garbled = True
    garbled = house.lineproof("poll", "store-114-rtr", "--json")
    assert (garbled.returncode, json.loads(garbled.stdout)["outcome"]) == (FAILED, "error")
    assert "a garbled datagram" in json.loads(garbled.stdout)["message"]

    agent.garbled = False
    house.configure(snmp={"timeout": 0.3, "retries": 0, "credentials": {"stores": {"community": "wrong-community"}}})
    wrong = house.lineproof("poll", "store-114-rtr", "--json")
    told = json.loads(wrong.stdout)
    assert (wrong.returncode, told["outcome"]) == (FAILED, "timeout")
    assert told["message"].startswith(f"no SNMP answer from 127.0.0.1:{agent.port}; ")
    assert re.search(r"; (the address .*ping|.*ping.*); check community and ACL", told["message"])
    for done in (fine, garbled, wrong):
        assert "Traceback" not in done.stderr
        assert not any(word in done.stdout + done.stderr for word in (*secrets, "wrong-community"))
    assert stored(house) == ([], [])


class BrokenHost(ThreadingHTTPServer):
    """An orchestrator that answers everything with one status and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.status, self.body, self.asked = 500, b"", 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()


class _Answers(BaseHTTPRequestHandler):
    server: BrokenHost

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *arguments: object) -> None:
        del arguments


@pytest.fixture
def broken_host() -> Iterator[BrokenHost]:
    with BrokenHost() as host:
        yield host
        host.shutdown()


def health(port: int) -> dict[str, Any]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return dict(json.load(answer))
    except HTTPError as refused:
        with refused:
            return dict(json.load(refused))
    except (URLError, ConnectionError, TimeoutError):
        return {}


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [(500, b"internal error", r"500"), (200, b"<html><body>Please sign in</body></html>", r"HTML|not JSON")],
)
def test_an_orchestrator_that_answers_nonsense_is_failing_and_measures_nothing(
    house: Any, broken_host: BrokenHost, eventually: Callable[..., Any], status: int, body: bytes, sentence: str,
    secrets: tuple[str, ...],
) -> None:  # fmt: skip
    broken_host.status, broken_host.body = status, body
    edge = {
        "id": "store-207-edge", "site": "store-207", "role": "sdwan_edge",
        "orchestrator": {"name": "vco", "enterprise_id": 1, "edge_id": 2},
    }  # fmt: skip
    link = {"id": "store-207-wan1", "site": "store-207", "device": "store-207-edge", "interface": "GE1"}
    (house.folder / "edge.yaml").write_text(yaml.safe_dump({"devices": [edge], "links": [link]}))
    assert house.lineproof("inventory", "import", str(house.folder / "edge.yaml")).returncode == DONE
    house.configure(
        snmp=None,
        clock={"start": "2026-03-03T12:00:00Z", "origin": datetime.now(UTC).timestamp(), "factor": 60},
        orchestrators={"vco": {"url": broken_host.url, "token": "env:TEST_TOKEN", "timeout": 5}},
    )
    with (house.folder / "service.log").open("wb") as log:
        running = house.start(house.command("serve", "--role", "collector"), stdout=log, stderr=log)
    why = eventually(lambda: "vco: " in health(house.collector).get("why", "") and health(house.collector)["why"], 30)
    assert re.search(sentence, why), why
    assert f"127.0.0.1:{broken_host.server_address[1]}" in why
    running.terminate()
    assert running.wait(20) == DONE
    samples, facts = stored(house)
    assert samples == []
    assert {line for line in facts if "source_state" in line and "failing" in line}
    text = (house.folder / "service.log").read_text()
    assert all(isinstance(json.loads(line), dict) for line in text.splitlines())
    assert not any(secret in text for secret in secrets)


def test_a_proposal_is_approved_once_and_not_applied_before(house: Any, now: datetime) -> None:
    for name, lossy in (("store-114-wan1", now - timedelta(minutes=40)), ("store-114-dsl", None)):
        house.measure(name, now - timedelta(days=1), 1440, lossy_from=lossy)
    since = (now - timedelta(minutes=30)).isoformat().replace("+00:00", "Z")
    opened = house.lineproof("triage", "store-114", "--since", since, "--open-ticket", "--json")
    assert opened.returncode == DONE, opened.stderr
    assert json.loads(opened.stdout)["verdict"] == "confirmed"

    def decide(act: str, by: str = "Kim Lee") -> subprocess.CompletedProcess[str]:
        return house.lineproof("reroute", act, "P-1", "--by", by)

    early = decide("apply")
    assert early.returncode == FAILED
    assert "lineproof: proposal P-1 is proposed, apply needs one that is approved" in early.stderr
    assert decide("approve").returncode == DONE
    twice = decide("approve")
    assert twice.returncode == FAILED
    assert "lineproof: proposal P-1 is approved, approve needs one that is proposed" in twice.stderr
    assert decide("apply").returncode == DONE
    assert "Traceback" not in early.stderr + twice.stderr


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("nonsense.yaml", "scenario: 1\nid: x\nweather: fine\n", r"weather"),
        ("nonsense.yaml", "{{{", r"is not YAML"),
        ("nonsense.txt", "words", r"neither a folder with scenarios.jsonl nor a .yaml"),
        ("missing.yaml", None, r"missing.yaml does not exist"),
        ("scenarios.jsonl", "{not json\n", r"scenarios.jsonl:1: '\{not json': expected Invalid JSON"),
    ],
)
def test_replay_of_nonsense_names_the_file_and_the_fault(
    shared: Any, tmp_path: Path, name: str, text: str | None, sentence: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    target = tmp_path if name == "scenarios.jsonl" else path
    command = [*shared.command("replay", str(target))[:-2]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=shared.environment)
    assert re.search(sentence, say(done, USAGE)), done.stderr


def test_a_reader_that_goes_away_is_no_crash(shared: Any) -> None:
    command = shared.command("inventory", "show", "store-114", "--json")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=shared.environment
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == FAILED
    assert said == ""


def fill(folder: Path) -> Path:
    """Take every free byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


@pytest.mark.real
def test_a_full_disk_is_said_corrupts_nothing_and_passes(
    small_disk: Path, build: Callable[[Path], Any], agent: Any, eventually: Callable[..., Any], now: datetime
) -> None:
    house = build(small_disk / "house")
    house.measure("store-207-wan1", now - timedelta(days=1), 1440, lossy_from=now - timedelta(minutes=40))
    point(house, agent.port)
    service_log = small_disk.parent / "service.log"
    with service_log.open("wb") as log:
        running = house.start(house.command("serve"), stdout=log, stderr=log)
    eventually(lambda: health(house.collector).get("ok") and health(house.engine).get("holds_lease"), 60)
    ballast = fill(small_disk)

    # Journal and records say so, in the words of /health, and the processes live on.
    full = eventually(lambda: "journal:" in health(house.collector).get("why", "") and health(house.collector), 30)
    assert "free some disk space" in full["why"]
    since = (now - timedelta(minutes=30)).isoformat().replace("+00:00", "Z")
    refused = house.lineproof("triage", "store-207", "--since", since, "--open-ticket")
    assert re.search(r"lineproof: the records database .* failed: .*full; free some disk space", say(refused, FAILED))
    report = ("report", "performance", "acme", "--month", f"{now:%Y-%m}", "--out", str(house.folder / "reports"))
    said = say(house.lineproof(*report), FAILED)
    assert re.fullmatch(r"lineproof: cannot write reports to .*: No space left on device; .*", said)
    assert not list((house.folder / "reports").glob("*"))

    # Space is freed: what was measured meanwhile is written, and everything works.
    ballast.unlink()
    eventually(lambda: health(house.collector).get("ok") and health(house.engine).get("ok"), 30)
    opened = house.lineproof("triage", "store-207", "--since", since, "--open-ticket", "--json")
    assert opened.returncode == DONE, opened.stderr
    told = json.loads(opened.stdout)
    assert (told["verdict"], told["ticket"]) == ("confirmed", "T-1")
    assert house.lineproof(*report).returncode == DONE
    running.terminate()
    assert running.wait(20) == DONE
    assert house.lineproof("store", "verify").returncode == DONE
    assert house.lineproof("case", "show", told["case"], "--verify").returncode == DONE
    died = [json.loads(line) for line in service_log.read_text().splitlines() if '"died"' in line]
    assert died == []
    with closing(sqlite3.connect(house.records)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
