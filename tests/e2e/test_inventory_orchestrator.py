"""`lineproof inventory import --orchestrator`: a host's edges compared with the inventory, and only what a person
accepts is written."""

from __future__ import annotations

import json
import os
import pty
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from small_vco import SmallVco, edge, link

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DONE, FAILED, USAGE, NOT_FOUND = 0, 1, 2, 3


@pytest.fixture
def vco() -> Iterator[SmallVco]:
    """An edge at store 207 with two lines, one of which the inventory has already, and an edge of nobody's site."""
    host = SmallVco(
        edges=[
            edge(702, link("l-1", "GE1", "Lakes", down="300"), link("l-2", "GE2", "Summit"), name="store-207"),
            edge(703, link("l-3", "GE1", "Prairie"), name="River Road", activationState="PENDING"),
        ]
    )
    host.start()
    yield host
    host.end()


@pytest.fixture
def at(house: Any, vco: SmallVco) -> Any:
    house.configure(orchestrators={"vco1": {"url": vco.url, "token": "env:TEST_TOKEN", "calls_per_hour": 360_000}})
    return house


def imported(house: Any, *words: str) -> Any:
    return house.lineproof("inventory", "import", "--orchestrator", "vco1", *words)


def asked(house: Any, *words: str) -> dict[str, Any]:
    done = imported(house, "--json", *words)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [each["id"] for each in found["differences"] if each["acceptable"]]


def links_of(house: Any, site: str) -> dict[str, Any]:
    sheet = json.loads(house.lineproof("inventory", "show", site, "--json").stdout)
    return {each["id"]: each for each in sheet["links"]}


def digest(house: Any) -> bytes:
    """All inventory rows, whatever they are."""
    import sqlite3

    with sqlite3.connect(house.records) as records:
        tables = ("client", "site", "device", "link", "maintenance")
        return repr([records.execute(f"SELECT * FROM inventory_{name}").fetchall() for name in tables]).encode()


def test_without_a_terminal_nothing_is_written_unless_it_is_accepted_by_name(at: Any) -> None:
    before = digest(at)
    shown = imported(at)
    assert shown.returncode == USAGE
    assert "vco1 lists 2 edges with 3 lines. 3 differences, 3 of them can be accepted." in shown.stdout
    assert "say what to take with --accept all or --accept ID[,ID...]" in shown.stderr
    for words in (("--dry-run",), ("--dry-run", "--json")):
        assert imported(at, *words).returncode == DONE
    assert imported(at, "--json").returncode == USAGE
    assert digest(at) == before


def test_what_is_shown_is_grouped_by_site_with_both_sides(at: Any) -> None:
    shown = imported(at, "--dry-run").stdout
    store, river = shown.index("store-207"), shown.index("River Road")
    assert river < store or store < river
    assert "300 Mbit/s down, 20 Mbit/s up" in shown
    assert "not in the inventory" in shown


def test_accepting_all_writes_all_and_leaves_no_difference(at: Any) -> None:
    done = imported(at, "--accept", "all")
    assert done.returncode == DONE, done.stderr
    assert "5 added, 1 changed" in done.stdout
    lines = links_of(at, "store-207")
    assert lines["store-207-wan1"]["orchestrator_link"] == "l-1"
    assert (lines["store-207-wan1"]["committed_down_bps"], lines["store-207-wan1"]["committed_up_bps"]) == (300e6, 20e6)
    assert (lines["store-207-ge2"]["carrier"], lines["store-207-ge2"]["role"]) == ("Summit", "secondary")
    again = imported(at)
    assert again.returncode == DONE
    assert "No difference." in again.stdout


def test_an_edge_that_was_never_activated_is_ordered(at: Any) -> None:
    imported(at, "--accept", "all")
    (line,) = links_of(at, "river-road").values()
    assert line["life_cycle"] == "ordered"


def test_one_difference_is_accepted_by_the_id_of_an_earlier_run(at: Any) -> None:
    before = asked(at)
    (rates,) = (name for name in ids(before) if name.startswith("rates/"))
    done = asked(at, "--accept", rates)
    assert [each["id"] for each in done["written"]["changed"]] == ["store-207-wan1"]
    assert done["written"]["added"] == []
    assert set(ids(asked(at))) == set(ids(before)) - {rates}


def test_what_the_host_says_otherwise_by_now_is_not_written_under_the_old_id(at: Any, vco: SmallVco) -> None:
    (rates,) = (name for name in ids(asked(at)) if name.startswith("rates/"))
    vco.edges[0]["links"][0]["down"] = "900"
    before = digest(at)
    done = imported(at, "--accept", rates)
    assert done.returncode == FAILED
    assert f"not written: {rates}: inventory and host no longer differ in this, or in another way" in done.stdout
    assert digest(at) == before


def test_a_difference_that_is_only_told_cannot_be_accepted(at: Any, vco: SmallVco) -> None:
    imported(at, "--accept", "all")
    del vco.edges[0]["links"][1]
    (missing,) = (each for each in asked(at)["differences"] if each["kind"] == "missing_link")
    before = digest(at)
    done = imported(at, "--accept", missing["id"])
    assert (done.returncode, "this is told only" in done.stdout) == (FAILED, True)
    assert digest(at) == before
    assert "store-207-ge2" in links_of(at, "store-207")


@pytest.mark.parametrize("status", [500, 403, 404])
def test_a_host_that_fails_changes_nothing_and_says_why(at: Any, vco: SmallVco, status: int) -> None:
    vco.faults["network/getNetworkEnterprises"] = vco.faults["enterprise/getEnterpriseEdges"] = status
    before = digest(at)
    done = imported(at, "--accept", "all")
    assert done.returncode == FAILED
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("lineproof: ")
    assert digest(at) == before


def test_an_empty_host_changes_nothing_and_says_why(at: Any, vco: SmallVco) -> None:
    vco.edges.clear()
    done = imported(at, "--accept", "all")
    assert done.returncode == FAILED
    assert "lists no edge" in done.stderr
    assert "the inventory stays as it is" in done.stderr


def test_an_empty_host_of_a_known_fleet_changes_nothing(at: Any, vco: SmallVco) -> None:
    imported(at, "--accept", "all")
    before = digest(at)
    vco.edges.clear()
    done = imported(at, "--accept", "all")
    assert done.returncode == FAILED
    assert "lists no edge" in done.stderr
    assert digest(at) == before


def test_an_orchestrator_that_the_settings_do_not_have_is_not_found(at: Any) -> None:
    done = at.lineproof("inventory", "import", "--orchestrator", "vco9")
    assert done.returncode == NOT_FOUND
    assert done.stderr == "lineproof: the settings have no orchestrator 'vco9'; they have vco1\n"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("file.yaml", "--orchestrator", "vco1"),
        ("file.yaml", "--accept", "all"),
        ("file.yaml", "--no-rates"),
        ("file.yaml", "--out", "other.yaml"),
        ("--orchestrator", "vco1", "--accept", "all", "--dry-run"),
        ("--orchestrator", "vco1", "--accept", "all", "--out", "other.yaml"),
        ("--orchestrator", "vco1", "--accept", " , "),
    ],
)
def test_words_that_do_not_go_together_are_refused(at: Any, vco: SmallVco, words: tuple[str, ...]) -> None:
    done = at.lineproof("inventory", "import", *words)
    assert done.returncode == USAGE
    assert done.stdout == ""
    assert vco.calls == []


def test_without_rates_no_edge_is_asked_for_itself(at: Any, vco: SmallVco) -> None:
    found = asked(at, "--no-rates")
    assert vco.called("edge/getEdgeConfigurationModules") == 0
    assert [each["kind"] for each in found["differences"]] == ["new_edge", "new_edge"]
    assert found["unrated"] == ["rates, which were not asked for"]


def test_how_long_the_reading_takes_is_said_before_it_begins(at: Any, vco: SmallVco) -> None:
    assert "one call for each edge that it has" in imported(at, "--dry-run").stderr
    imported(at, "--accept", "all")
    at.configure(orchestrators={"vco1": {"url": vco.url, "token": "env:TEST_TOKEN", "calls_per_hour": 600}})
    slow = imported(at, "--dry-run").stderr
    assert "reading vco1 takes about 4 calls, some 24 s at 600 an hour; --no-rates" in slow


def test_proposals_are_written_to_a_file_that_is_edited_and_imported(at: Any) -> None:
    path = at.folder / "fleet.yaml"
    before = digest(at)
    done = imported(at, "--out", str(path))
    assert done.returncode == DONE
    assert f"are written to {path}; the inventory stays as it is" in done.stdout
    assert digest(at) == before
    text = path.read_text()
    assert "# What vco1 has otherwise than the inventory" in text
    path.write_text(text.replace("committed_down_bps: 300000000", "committed_down_bps: 250M"))
    assert at.lineproof("inventory", "import", str(path)).returncode == DONE
    assert links_of(at, "store-207")["store-207-wan1"]["committed_down_bps"] == 250e6
    (left,) = asked(at)["differences"]
    assert (left["inventory"], left["orchestrator"]) == (
        "250 Mbit/s down, 20 Mbit/s up",
        "300 Mbit/s down, 20 Mbit/s up",
    )


def test_a_file_that_is_there_is_not_written_over(at: Any, vco: SmallVco) -> None:
    path = at.folder / "fleet.yaml"
    path.write_text("mine")
    assert imported(at, "--out", str(path)).returncode == USAGE
    assert path.read_text() == "mine"
    assert vco.calls == []


def test_edges_of_a_client_that_is_not_known_come_by_the_file_alone(at: Any, vco: SmallVco) -> None:
    vco.name = "Initech|7|"
    found = asked(at, "--accept", "all")
    assert [each["acceptable"] for each in found["differences"]] == [False, False]
    assert "enterprise 41 Initech" in found["differences"][0]["blocked"]
    path = at.folder / "fleet.yaml"
    imported(at, "--out", str(path))
    assert at.lineproof("inventory", "import", str(path)).returncode == DONE
    assert asked(at)["differences"] == []


def test_no_secret_is_shown(at: Any, vco: SmallVco, secrets: tuple[str, ...]) -> None:
    vco.faults["enterprise/getEnterpriseEdges"] = 500
    broken = imported(at, "--accept", "all")
    del vco.faults["enterprise/getEnterpriseEdges"]
    fine = imported(at, "--json")
    shown = broken.stdout + broken.stderr + fine.stdout + fine.stderr
    assert not any(secret in shown for secret in secrets)


class Terminal:
    """A command at a terminal, and a person who types."""

    def __init__(self, house: Any, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self.shown = ""
        self._read = 0
        self.process = house.start(house.command(*words), stdin=theirs, stdout=theirs, stderr=theirs, cwd=house.folder)
        os.close(theirs)

    def reads(self, text: str) -> None:
        """Wait until the terminal shows this, after what was waited for before."""
        deadline = time.monotonic() + 60
        while text not in self.shown[self._read :]:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._ours], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self._ours, 65_536).decode()
                except OSError:  # Linux says EIO when the other end has gone
                    pytest.fail(f"it ended: {self.shown}")
        self._read = self.shown.index(text, self._read) + len(text)

    def types(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def ends(self) -> int:
        while True:
            try:
                if not (more := os.read(self._ours, 65_536)):
                    break
                self.shown += more.decode()
            except OSError:
                break
        os.close(self._ours)
        return int(self.process.wait(30))


@pytest.fixture
def terminal(at: Any) -> Terminal:
    return Terminal(at, "inventory", "import", "--orchestrator", "vco1")


def test_at_a_terminal_a_person_takes_one_by_one(at: Any, terminal: Terminal) -> None:
    terminal.reads("[o]ne by one: ")
    terminal.types("perhaps\n")
    terminal.reads("]ne by one: ")
    terminal.types("o\n")
    terminal.reads("(1 of 3)? [y]es, [n]o, [q]uit: ")
    first = terminal.shown
    terminal.types("n\n")
    terminal.reads("(2 of 3)?")
    terminal.types("y\n")
    terminal.reads("(3 of 3)?")
    terminal.types("q\n")
    assert terminal.ends() == DONE
    assert "River Road" in first
    left = [each["kind"] for each in asked(at)["differences"]]
    assert len(left) == 2


@pytest.mark.parametrize("answer", ["n\n", "\x04"])
def test_at_a_terminal_nothing_is_written_by_a_no_or_an_end(at: Any, terminal: Terminal, answer: str) -> None:
    before = digest(at)
    terminal.reads("]ne by one: ")
    terminal.types(answer)
    assert terminal.ends() == DONE
    assert "nothing is written" in terminal.shown
    assert digest(at) == before


def test_what_somebody_changed_while_a_person_decided_is_said_and_not_written(at: Any, terminal: Terminal) -> None:
    terminal.reads("]ne by one: ")
    changed = at.folder / "meanwhile.yaml"
    changed.write_text(
        "links:\n- {id: store-207-wan1, site: store-207, access: broadband, carrier: Lakes, committed_down_bps: 50M}\n"
    )
    assert at.lineproof("inventory", "import", str(changed)).returncode == DONE
    terminal.types("a\n")
    assert terminal.ends() == FAILED
    assert "not written: rates/store-207-wan1/" in terminal.shown
    assert links_of(at, "store-207")["store-207-wan1"]["committed_down_bps"] == 50e6
    assert "river-road" in {each["site"] for each in links_of(at, "river-road").values()}
