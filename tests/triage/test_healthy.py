"""What shows that a line is well: data that fill the time, or a source's word; never their absence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from collector.model import Cadence, Fact, FactKind, Series, Source
from config.clock import epoch_ms
from inventory.model import Client, Device, DeviceRole, Link, LinkRole, Site
from triage.healthy import NOTHING, Healthy, known_healthy
from triage.model import Cause, Measured, Picture
from triage.policy_files import load_policy

POLICY = load_policy()
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
WAN, LAN = Link(id="wan", site="s", device="edge"), Link(id="lan", site="s", device="edge", role=LinkRole.LAN)
EDGE = Device(id="edge", site="s", role=DeviceRole.SDWAN_EDGE)


def series(values: list[float | None], name: str = "loss_pct", source: Source = Source.PROBE) -> Series:
    """One value for each minute of the last twenty, oldest first; None is an absent row."""
    begin = epoch_ms(NOON) - 20 * 60_000
    rows = [(begin + place * 60_000, value) for place, value in enumerate(values) if value is not None]
    time = np.array([moment for moment, _ in rows], dtype=np.int64)
    return Series(
        link="wan", source=source, time=time, seconds=np.full(len(rows), 60, dtype=np.int32), received_at=time,
        fields={name: np.array([value for _, value in rows])},
    )  # fmt: skip


def known(*of_wan: Series, facts: tuple[Fact, ...] = (), of_lan: tuple[Series, ...] = (), late: int = 60) -> Healthy:
    cadence = Cadence(every=60, late=late)
    picture = Picture(
        site=Site(id="s", client="acme"), client=Client(id="acme", name="Acme"), devices=[EDGE],
        links=[
            Measured(link=WAN, series=of_wan, facts=[one for one in facts if one.subject == "wan"]),
            Measured(link=LAN, series=of_lan),
        ],
        device_facts=[one for one in facts if one.subject == "edge"],
        cadences={Source.PROBE: cadence, Source.ORCHESTRATOR: cadence, Source.SNMP: cadence},
    )  # fmt: skip
    return known_healthy(picture, POLICY, NOON)


# Of twenty minutes, half of each ten must be there, as far as they should be (a minute late at most: the last is not).
@pytest.mark.parametrize(
    ("values", "well"),
    [
        ([0.0] * 20, True),
        ([], False),
        ([0.0] * 10, False),
        ([None] * 10 + [0.0] * 10, False),
        (([0.0, None] * 10), True),
        ([None] * 6 + [0.0] * 14, False),
        ([None] * 5 + [0.0] * 15, True),
        ([100.0] * 20, False),
        ([0.0] * 14 + [100.0] * 6, False),
        ([0.0] * 15 + [100.0] * 5, True),
        ([25.0] * 20, True),
    ],
    ids=[
        "all",
        "none",
        "fell silent",
        "began late",
        "every other",
        "4 of 10",
        "5 of 10",
        "dead",
        "4 of 9",
        "5 of 9",
        "packets",
    ],
)
def test_data_must_fill_the_time_and_show_packets(values: list[float | None], well: bool):
    assert ("wan" in known(series(values)).measured) is well


@pytest.mark.parametrize(
    ("name", "value", "well"), [("rx_bps", 0.0, False), ("rx_bps", 1.0, True), ("oper_up", 1.0, False)]
)
def test_zeros_and_a_port_that_is_up_show_nothing_of_a_line(name: str, value: float, well: bool):
    assert ("wan" in known(series([value] * 20, name, Source.SNMP)).measured) is well


def test_a_port_towards_the_site_is_well_when_it_is_up():
    up = series([1.0] * 20, "oper_up", Source.SNMP)
    assert known(of_lan=(up,)).measured == {"lan"}


def test_what_is_late_by_nature_counts_as_far_as_it_should_have_come():
    """Ten minutes late: the second half of the twenty is not due yet."""
    assert known(series([0.0] * 10), late=600).measured == {"wan"}
    assert known(series([]), late=3600) == NOTHING


def fact(
    value: str, minutes_ago: float, kind: FactKind = FactKind.LINK_STATE, source: Source = Source.ORCHESTRATOR
) -> Fact:
    moment = NOON - timedelta(minutes=minutes_ago)
    subject = "wan" if kind is FactKind.LINK_STATE else "edge"
    return Fact(time=moment, subject=subject, kind=kind, value=value, source=source, received_at=moment)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ((fact("stable", 30),), {"wan"}),
        ((fact("standby", 59),), {"wan"}),
        ((fact("stable", 61),), set()),
        ((fact("disconnected", 30), fact("stable", 20)), {"wan"}),
        ((fact("stable", 30), fact("unknown", 20)), set()),
        ((fact("stable", 30), fact("disconnected", 20)), set()),
        ((fact("connected", 30, FactKind.EDGE_STATE),), {"edge"}),
        ((fact("connected", 9, FactKind.EDGE_STATE), fact("timeout", 9, FactKind.POLL_OUTCOME, Source.SNMP)), set()),
        ((fact("connected", 9, FactKind.EDGE_STATE), fact("ok", 9, FactKind.POLL_OUTCOME, Source.SNMP)), {"edge"}),
    ],
)
def test_a_word_counts_while_it_is_the_newest_and_known(facts: tuple[Fact, ...], said: set[str]):
    assert known(facts=facts).said == said


@pytest.mark.parametrize(
    ("cause", "by_line", "by_device"),
    [
        (Cause.LINK_DOWN, True, False),
        (Cause.INSTABILITY, True, False),
        (Cause.SITE_DOWN, True, True),
        (Cause.DEVICE, True, True),
        (Cause.LATENCY, False, False),
    ],
)
def test_whose_word_tells_that_which_trouble_is_over(cause: Cause, by_line: bool, by_device: bool):
    assert Healthy(said=frozenset({"wan"})).covers(cause, "wan", "edge") is by_line
    assert Healthy(said=frozenset({"edge"})).covers(cause, "wan", "edge") is by_device
    assert not NOTHING.covers(cause, "wan", "edge")
    assert not NOTHING.covers(cause, None, None)
