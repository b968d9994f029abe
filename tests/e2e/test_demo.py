"""The demonstration, seed by seed: what was injected is found, and nothing else is; and it ends when it is told to."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE = 400
"""Seconds; a story takes less than a minute on an idle machine and goes slower on a busy one."""
SEEDS = int(os.environ.get("SEEDS", "1"))
"""Stories told undisturbed; another is told in test_kill_engine.py, and many in a soak."""
DEMO = (sys.executable, "-m", "service.cli", "demo")

pytestmark = pytest.mark.slow


@pytest.mark.alone
@pytest.mark.timeout(PATIENCE + 20)
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_everything_injected_is_found_and_nothing_else(seed: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [*DEMO, "--once", "--seed", str(seed), "--out", str(out), "--port", "0"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything agrees" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    result = json.loads((out / "result.json").read_text())
    assert result["agree"]
    assert result["exchanged"]["snmp_responses"] > 1000
    assert result["exchanged"]["orchestrator_requests"] > 50
    assert result["exchanged"]["probes_echoed"] > 1000
    tickets = list((out / "tickets").iterdir())
    assert len(tickets) >= 8
    parents = [ticket for ticket in tickets if '"site": "carrier:' in (ticket / "ticket.json").read_text()]
    assert len(parents) == 1
    for ticket in set(tickets) - set(parents):
        kinds = {file.suffix for file in ticket.iterdir()}
        assert {".html", ".pdf", ".json"} <= kinds, ticket
    for kind in ("html", "pdf"):
        assert len(list((out / "reports").glob(f"*.{kind}"))) == 3
    assert len(list((out / "verdicts").glob("*.json"))) == 9
    assert len(list(out.glob("reroute-P-*.txt"))) == 1


@pytest.fixture
def foreground() -> Iterator[None]:
    """Ctrl-C reaches what we start, even where we ourselves are a job in the background, which is deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.timeout(120)
def test_without_once_it_shows_the_desk_until_it_is_interrupted(foreground: None, tmp_path: Path) -> None:
    arguments = [*DEMO, "--out", str(tmp_path / "out"), "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, start_new_session=True) as demo:
        assert demo.stdout is not None
        try:
            told = ""
            while "Ctrl-C" not in told:
                line = demo.stdout.readline()
                assert line, told
                told += line
            desk = re.search(r"http://127\.0\.0\.1:\d+/", told)
            assert desk
            with urllib.request.urlopen(f"{desk[0]}sites", timeout=20) as page:
                assert "Bramley" in page.read().decode()
            demo.send_signal(signal.SIGINT)
            assert "ended; the simulator and the service are stopped" in demo.stdout.read()
            assert demo.wait(30) == 0
        finally:
            demo.kill()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(desk[0], timeout=5)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    done = subprocess.run(
        [*DEMO, "--once", "--out", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"lineproof: {tmp_path} holds something that no demonstration made; choose another --out"
    )
    assert (tmp_path / "mine.txt").read_text() == "precious"


@pytest.mark.timeout(120)
def test_a_port_in_use_is_said_and_another_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = [*DEMO, "--out", str(tmp_path / "out"), "--port", str(port)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, start_new_session=True) as demo:
            assert demo.stdout is not None
            try:
                assert f"port {port} is in use; the desk listens on " in demo.stdout.readline()
                demo.send_signal(signal.SIGTERM)
                assert demo.wait(60) == 0
            finally:
                demo.kill()
