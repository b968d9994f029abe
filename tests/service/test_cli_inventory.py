"""What the inventory's commands say, without a process or a host."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from collector.model import Fact, FactKind, SampleBatch, Source
from collector.orchestrator.port import DeviceReport, Figure
from config.clock import epoch_ms
from inventory.differences import DifferenceKind, difference
from service.cli.reconciling import ask
from service.cli.wording import looked_lines
from service.documents import Looked, looked_document, newest_samples

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TWO = [
    difference(DifferenceKind.RATES, "s", "l1", "[bold]a", "b"),
    difference(DifferenceKind.RATES, "s", "l2", "a", "b"),
]


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        (["a"], [0, 1]),
        (["All of them"], [0, 1]),
        (["n"], []),
        (["", "x", "a"], [0, 1]),
        (["o", "y", "n"], [0]),
        (["o", "n", "Y"], [1]),
        (["o", "y", "q"], [0]),
    ],
)
def test_a_person_takes_all_none_or_one_by_one(given: list[str], accepted: list[int]) -> None:
    typed = iter(given)
    assert ask(TWO, "vco1", lambda _question: next(typed)) == [TWO[number].id for number in accepted]


@pytest.mark.parametrize("given", [[], ["o"], ["o", "y"]])
def test_answers_that_end_accept_nothing_at_all(given: list[str]) -> None:
    def read(_question: str) -> str:
        if not given:
            raise EOFError
        return given.pop(0)

    assert ask(TWO, "vco1", read) == []


def batch() -> SampleBatch:
    """Two ticks of one line, the newer first, and one of another of which nothing was measured."""
    times = np.array([epoch_ms(NOON), epoch_ms(NOON) - 300_000, epoch_ms(NOON)], dtype=np.int64)
    return SampleBatch(
        Source.ORCHESTRATOR,
        ["wan1", "wan1", "wan2"],
        times,
        np.full(3, 300, dtype=np.int32),
        times + 600_000,
        {"rx_bps": np.array([2e6, 1e6, np.nan]), "tx_bps": np.array([np.nan, 1e6, np.nan])},
    )


def looked() -> Looked:
    fact = Fact(NOON, "wan1", FactKind.LINK_STATE, "standby", Source.ORCHESTRATOR, NOON, "STANDBY")
    figure = Figure(subject="edge", name="model", value="edge520")
    report = DeviceReport(facts=[fact], samples=batch(), figures=[figure], notes=["QoE: 403"])
    return Looked("edge", "vco1", report)


def test_the_newest_sample_of_each_line_has_what_was_measured_and_nothing_else() -> None:
    first, second = newest_samples(batch())
    assert (first.link, first.start, first.seconds, first.fields) == ("wan1", NOON, 300, {"rx_bps": 2e6})
    assert (second.link, second.fields) == ("wan2", {})


def test_what_an_orchestrator_says_is_shown_subject_by_subject_with_its_meaning() -> None:
    lines = [" ".join(line.split()) for line in looked_lines(looked())]
    assert lines == [
        "edge at the orchestrator vco1:",
        "edge",
        "model edge520",
        "wan1",
        "link_state standby 2026-11-22T12:00:00Z; STANDBY; the line's state as the host has it; standby is well for a "
        "backup line",
        "newest statistics 300 s from 2026-11-22T12:00:00Z",
        "rx_bps 2 Mbit/s download rate",
        "wan2",
        "newest statistics 300 s from 2026-11-22T12:00:00Z: nothing was measured",
        "note: QoE: 403",
    ]


def test_without_statistics_that_is_said() -> None:
    none = np.array([], dtype=np.int64)
    empty = SampleBatch(Source.ORCHESTRATOR, [], none, none.astype(np.int32), none, {})
    report = DeviceReport(facts=[], samples=empty, figures=[])
    assert "  no statistics of its lines" in list(looked_lines(Looked("edge", "vco1", report)))


def test_no_answer_is_said_with_its_reason() -> None:
    silent = Looked("edge", "vco1", None, "vco1 answered with 500")
    assert list(looked_lines(silent)) == ["edge at the orchestrator vco1: no answer", "  vco1 answered with 500"]
    assert looked_document(silent) == {
        "name": "vco1", "error": "vco1 answered with 500", "facts": [], "samples": [], "figures": [], "notes": [],
    }  # fmt: skip
