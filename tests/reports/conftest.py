"""A realistic evidence pack from hand-written values: a lossy cable line at a shop, an idle LTE line beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.clock import epoch_ms
from triage.evidence import EvidencePack

NOW = datetime(2026, 3, 3, 18, 56, tzinfo=UTC)
ONSET = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)
DAY = timedelta(days=1)

PackMaker = Callable[..., EvidencePack]


def wobble(index: int, low: float, high: float) -> float:
    """Between low and high, the same each time."""
    return low + (high - low) * (0.5 + 0.5 * math.sin(index * 2.399) * math.cos(index * 0.7))


def probe_series(link: str, rtt: float, loss_from: datetime | None, gap: tuple[datetime, datetime]) -> dict[str, Any]:
    """A day of minute samples until NOW, without those of the gap; 12.5 % loss from `loss_from` on."""
    start = NOW - DAY
    slots = [start + timedelta(minutes=minute) for minute in range(24 * 60)]
    times = [slot for slot in slots if not gap[0] <= slot < gap[1]]
    bad = [loss_from is not None and slot >= loss_from for slot in times]
    return {
        "link": link,
        "source": "probe",
        "seconds": 60,
        "unit_by_field": {"rtt_ms": "ms", "jitter_ms": "ms", "loss_pct": "%"},
        "time": [epoch_ms(slot) for slot in times],
        "received_at": [epoch_ms(slot) + 61_000 for slot in times],
        "fields": {
            "rtt_ms": [round(wobble(i, rtt, rtt * 1.2) + (9 if sick else 0), 2) for i, sick in enumerate(bad)],
            "jitter_ms": [round(wobble(i, 1.0, 2.5), 2) for i in range(len(times))],
            "loss_pct": [(10.0 if i % 2 else 15.0) if sick else 0.0 for i, sick in enumerate(bad)],
        },
    }


def snmp_series(link: str, down: float, up: float) -> dict[str, Any]:
    times = [NOW - DAY + timedelta(minutes=minute) for minute in range(24 * 60)]
    return {
        "link": link,
        "source": "snmp",
        "seconds": 60,
        "unit_by_field": {"rx_bps": "bit/s", "tx_bps": "bit/s", "oper_up": ""},
        "time": [epoch_ms(slot) for slot in times],
        "received_at": [epoch_ms(slot) + 61_000 for slot in times],
        "fields": {
            "rx_bps": [round(wobble(i, down * 0.4, down)) for i in range(len(times))],
            "tx_bps": [round(wobble(i + 7, up * 0.4, up)) for i in range(len(times))],
            "oper_up": [1.0] * len(times),
        },
    }


def baseline(link: str, metric: str, centre: float, upper: float) -> dict[str, Any]:
    times = [NOW - timedelta(hours=6) + timedelta(minutes=minute) for minute in range(6 * 60)]
    return {
        "link": link,
        "source": "probe",
        "metric": metric,
        "time": [epoch_ms(slot) for slot in times],
        "centre": [round(centre * (1 + 0.1 * math.sin(i / 40)), 3) for i in range(len(times))],
        "upper": [round(upper * (1 + 0.1 * math.sin(i / 40)), 3) for i in range(len(times))],
    }


LINKS: list[dict[str, Any]] = [
    {
        "id": "store-114-wan1", "site": "store-114", "device": "store-114-rtr", "interface": "ge0",
        "access": "broadband", "role": "primary", "carrier": "Charter", "circuit_id": "44.KFGN.004512",
        "carrier_account": "8245-1120-77", "carrier_repair_contact": "+1 800 555 0143", "committed_down_bps": 200e6,
        "committed_up_bps": 20e6, "ownership": "provider", "metered": False, "life_cycle": "live",
    },
    {
        "id": "store-114-lte", "site": "store-114", "device": "store-114-rtr", "interface": "cell0", "access": "lte",
        "role": "secondary", "carrier": "AT&T Mobility", "underlying_carrier": None, "circuit_id": None,
        "carrier_account": None, "carrier_repair_contact": None, "committed_down_bps": 50e6, "committed_up_bps": 10e6,
        "ownership": "provider", "metered": True, "life_cycle": "live",
    },
]  # fmt: skip

FINDING: dict[str, Any] = {
    "link": "store-114-wan1", "source": "probe", "metric": "loss_pct", "cause": "loss", "direction": "unknown",
    "onset": "2026-03-03T18:30:00Z", "end": None, "value": 12.5, "unit": "%", "baseline": 0.1, "threshold": 8.0,
    "rule": "share of lost packets, too many for this link's own ordinary rate at this hour (Poisson scan)",
    "statistic": "mean", "bad_samples": 26, "habitual": False,
}  # fmt: skip


def document() -> dict[str, Any]:
    gap = (NOW - timedelta(minutes=75), NOW - timedelta(minutes=63))
    return {
        "format": 1,
        "made_at": "2026-03-03T18:56:00Z",
        "claim": {
            "site": "store-114", "client": "acme", "symptom": "slow", "since": "2026-03-03T18:30:00Z",
            "reported_at": "2026-03-03T18:52:00Z", "reported_by": "Dana Whitfield, store manager",
            "words": "Card payments time out and the tills freeze since half past twelve.",
            "intake": {
                "on_site_contact": "Dana Whitfield, +1 512 555 0188", "access_hours": "08:00–20:00",
                "dispatch_consent": True, "intrusive_test_consent": False, "power_checked": True, "rebooted": True,
                "client_reference": "INC-55012",
            },
        },
        "verdict": {
            "id": "V-12", "verdict": "confirmed", "cause": "loss", "scope": "link", "severity": "major",
            "onset": "2026-03-03T18:30:00Z", "end": None, "site": "store-114", "client": "acme",
            "link": "store-114-wan1", "direction": "unknown", "habitual": False,
            "coverage": {"present": 26, "expected": 26, "pending": 0, "newest": "2026-03-03T18:55:00Z"},
            "rejudge_at": None, "findings": [dict(FINDING)], "side_findings": [],
            "runner_up": {"cause": "saturation", "why_not": "the line carried 60 % of its committed rate at most."},
            "detectable": {"loss_pct": 1.5, "rtt_ms": 18.0}, "secondary_fit": True,
            "options": [
                {"rank": 1, "link": "store-114-lte", "action": "steer_all", "fit": True, "reason": None,
                 "utilisation_after_pct": {"rx": 70.0, "tx": None}, "metered": True, "shared_fate": False},
            ],
            "policy": "sha256:9b1c7f0e5d2a4c6b8e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f",
            "reason": "Packet loss on the primary line since the reported time, far above what is ordinary for it.",
        },
        "client": {"id": "acme", "name": "Acme Retail"},
        "site": {
            "id": "store-114", "name": "Austin South", "address": "4021 S Lamar Blvd, Austin, TX 78704",
            "market": "TX", "timezone": "America/Chicago", "access_hours": "08:00–20:00",
        },
        "devices": [{"id": "store-114-rtr", "role": "sdwan_edge", "vendor": "VeloCloud", "model": "Edge 620",
                     "serials": ["VC05200012"]}],
        "links": [dict(link) for link in LINKS],
        "policy": {"name": "default"},
        "cadences": {"snmp": {"every": 60, "late": 60}, "probe": {"every": 60, "late": 60}},
        "facts": [],
        "series": [
            probe_series("store-114-wan1", 22.0, ONSET, gap),
            snmp_series("store-114-wan1", 120e6, 9e6),
            probe_series("store-114-lte", 48.0, None, gap),
            snmp_series("store-114-lte", 0.4e6, 0.1e6),
        ],
        "baselines": [
            baseline("store-114-wan1", "loss_pct", 0.1, 1.5), baseline("store-114-wan1", "rtt_ms", 24.0, 31.0),
            baseline("store-114-wan1", "jitter_ms", 1.8, 3.5), baseline("store-114-lte", "rtt_ms", 52.0, 70.0),
        ],
    }  # fmt: skip


def _overlaid(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **base,
        **{
            key: _overlaid(base[key], value)
            if isinstance(value, Mapping) and isinstance(base.get(key), dict)
            else value
            for key, value in changes.items()
        },
    }


@pytest.fixture
def make_pack() -> PackMaker:
    """Makes the pack; keyword arguments replace parts of it, maps key by key."""
    return lambda **changes: EvidencePack.of(_overlaid(document(), changes))


@pytest.fixture
def finding_of() -> Callable[..., dict[str, Any]]:
    """Makes the pack's finding with some of its keys replaced."""
    return lambda **changes: {**FINDING, **changes}
