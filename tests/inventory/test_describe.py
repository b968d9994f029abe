"""The site's sheet: everything in the words of the repair desk, at a given moment."""

import io
import json
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from rich.console import Console

from inventory.changes import Change, Changes, FieldChange
from inventory.describe import OpenCase, SiteSheet, sheet_document, site_sheet
from inventory.importing import read_inventory
from inventory.model import Contract, Device, DeviceRole, LifeCycle, Link, LinkRole, OpeningHours, Ownership
from inventory.render import render_changes, render_sheet
from inventory.wording import (
    bit_rate,
    box_words,
    contract_words,
    joined,
    meter_words,
    opening_words,
    ownership_words,
    rate_words,
    volume,
)

EXAMPLE = read_inventory(Path(__file__).parents[2] / "config/examples/inventory.example.yaml")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def sheet(site: str, now: datetime = NOW) -> SiteSheet:
    return site_sheet(EXAMPLE, site, [OpenCase("C-7", "open", "packet loss on store-114-wan1")], now)


def shown(sheet: SiteSheet) -> str:
    console = Console(file=io.StringIO(), width=500)
    console.print(render_sheet(sheet))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_box_says_which_part_it_plays() -> None:
    (box,) = sheet("store-114").boxes
    assert box.part == (
        "SD-WAN edge: VeloCloud Edge 520 (HA pair, serials VC05200011401 and VC05200011402), terminates Meridian Fiber"
        " DIA on GE1 (primary) and Summit Wireless LTE on GE2 (secondary), faces the site's LAN on GE3"
    )
    assert box.monitoring == "subscribed (Gold Monitoring): SNMP at 192.0.2.14 and orchestrator vco-east, edge 1140"


def test_a_box_without_lines_or_not_in_use_says_so() -> None:
    modem = Device(id="m", site="s", role=DeviceRole.MODEM, serials=("A",), life_cycle=LifeCycle.ORDERED)
    assert box_words(modem, []) == "Modem: make not known (serial A), no line ends on it; ordered, not in use"


def test_a_line_that_is_not_live_yet_is_named_so_and_a_retired_one_ends_nowhere() -> None:
    assert "Nutmeg Telephone DSL on GigabitEthernet0/0/1 (secondary, ordered)" in sheet("store-207").boxes[0].part
    links = {**EXAMPLE.links}
    device = EXAMPLE.devices["store-207-rtr"]
    retired = Link(id="old", site="store-207", device=device.id, carrier="Gone", life_cycle=LifeCycle.RETIRED)
    inventory = EXAMPLE.of([*EXAMPLE.clients.values()], EXAMPLE.sites.values(), [device], [*links.values(), retired])
    assert "Gone" not in site_sheet(inventory, "store-207", [], NOW).boxes[0].part


def test_lines_come_from_primary_to_lan_with_everything_a_repair_needs() -> None:
    lines = sheet("store-114").lines
    assert [line.link.id for line in lines] == ["store-114-wan1", "store-114-lte", "store-114-lan"]
    text = shown(sheet("store-114"))
    for words in (
        "Meridian Fiber DIA, primary",
        "Eastern Light",
        "MF/HCFU/011402//",
        "SN-7781140",
        "MF-220914",
        "+1 800 555 0133, option 2",
        "200 Mbit/s down, 200 Mbit/s up",
        "metered, 50 GB a month",
        "640.00 USD a month",
        "dia-gold",
        "pier-street-duct",
    ):
        assert words in text


def test_what_a_repair_needs_and_is_not_known_is_said_to_be_not_known() -> None:
    rows = [line for line in shown(sheet("clinic-chi-1")).splitlines() if "not known" in line]
    assert [row.split("  ")[2].strip() for row in rows if row.startswith("    c")] == [
        "client",
        "carrier account",
        "carrier repair",
        "charge",
        "contract",
    ]


def test_the_clients_own_line_says_who_must_call_the_carrier() -> None:
    own = Link(id="l", site="s", carrier="Valley Cable", ownership=Ownership.CLIENT)
    assert ownership_words(own).startswith(
        "the client's own line (BYOB): the client holds the contract with Valley Cable"
    )
    assert ownership_words(Link(id="l", site="s")).startswith("provided by us: we hold the contract with the carrier")


def test_contract_days_are_counted_on_the_sites_calendar() -> None:
    # 2027-01-31 is 71 days after 2026-11-21; in Hartford it is still the 20th at 04:59 UTC (UTC-5).
    assert sheet("store-207").lines[0].contract_days_left == 71
    assert sheet("store-207", datetime(2026, 11, 21, 4, 59, tzinfo=UTC)).lines[0].contract_days_left == 72
    assert sheet("store-207").lines[1].contract_days_left is None


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        (Contract(), "not known"),
        (Contract(start=date(2025, 1, 1)), "since 2025-01-01, no end date"),
        (Contract(end=date(2026, 11, 22)), "until 2026-11-22, 1 day left"),
        (Contract(end=date(2026, 11, 21)), "until 2026-11-21, 0 days left"),
        (Contract(end=date(2026, 11, 20)), "until 2026-11-20, ended 1 day ago"),
        (Contract(end=date(2026, 12, 21), notice_days=30), "until 2026-12-21, 30 days left, notice by 2026-11-21"),
        (
            Contract(end=date(2026, 12, 20), notice_days=30),
            "until 2026-12-20, 29 days left, notice was due by 2026-11-20",
        ),
    ],
)
def test_a_contract_says_how_long_it_runs_and_when_notice_is_due(contract: Contract, words: str) -> None:
    assert contract_words(contract, date(2026, 11, 21)) == words


def test_the_monitoring_obligation_names_what_nobody_sees() -> None:
    lines = {line.link.id: line.monitoring for name in EXAMPLE.sites for line in sheet(name).lines}
    assert lines["clinic-chi-1-wan1"] == (
        "subscribed: snmp sees port state, traffic and errors; nobody sees line state, latency, jitter and loss"
    )
    assert lines["store-207-wan2"] == "not watched: the line is ordered, not live"
    assert "nobody" not in lines["store-114-wan1"]


def test_contacts_come_in_the_order_of_calling_with_who_may_report() -> None:
    contacts = sheet("store-114").contacts
    assert [(reachable.contact.name, reachable.on_site) for reachable in contacts] == [
        ("Marcus Bell", True),
        ("Dana Whitfield", False),
        ("Luis Ortega", False),
        ("Front desk", False),
    ]
    text = shown(sheet("store-114"))
    assert text.count("may report       yes") == 3
    assert text.count("may report       no") == 1


def test_announced_work_is_shown_in_the_sites_time_until_it_is_over() -> None:
    (work,) = sheet("store-114").maintenance
    assert work.when == "2026-12-05 01:00 to 2026-12-05 05:00 EST"
    assert sheet("store-114", datetime(2026, 12, 5, 9, 59, tzinfo=UTC)).maintenance
    assert not sheet("store-114", datetime(2026, 12, 5, 10, 0, tzinfo=UTC)).maintenance
    assert not sheet("store-207").maintenance


def test_open_cases_stand_on_the_sheet() -> None:
    assert "open: packet loss on store-114-wan1" in shown(sheet("store-114"))
    assert "Open cases\n  none" in "\n".join(
        line.rstrip() for line in shown(site_sheet(EXAMPLE, "store-114", [], NOW)).splitlines()
    )


def test_the_json_sheet_carries_the_models_own_names_and_the_words_beside_them() -> None:
    document = json.loads(json.dumps(sheet_document(sheet("store-114"))))
    assert list(document) == ["site", "client", "devices", "links", "contacts", "maintenance", "cases"]
    link = document["links"][0]
    assert (link["circuit_id"], link["committed_down_bps"], link["access"]) == ("MF/HCFU/011402//", 200e6, "dia")
    assert link["words"]["rates"] == "200 Mbit/s down, 200 Mbit/s up"
    assert document["devices"][0]["part"].startswith("SD-WAN edge: VeloCloud Edge 520 (HA pair")
    assert document["cases"] == [{"id": "C-7", "status": "open", "title": "packet loss on store-114-wan1"}]
    assert document["contacts"][0]["on_site"] is True


def test_names_with_brackets_are_shown_as_they_stand() -> None:
    link = Link(id="l", site="store-114", carrier="[bold]Odd[/bold] [1]", role=LinkRole.TERTIARY)
    inventory = EXAMPLE.of(EXAMPLE.clients.values(), EXAMPLE.sites.values(), [], [link])
    assert "[bold]Odd[/bold] [1]" in shown(site_sheet(inventory, "store-114", [], NOW))


def test_an_import_is_summed_up_with_every_changed_field() -> None:
    change = Change("links", "w1", (FieldChange("carrier", "nothing", "Meridian"),))
    console = Console(file=io.StringIO(), width=200)
    console.print(render_changes(Changes((Change("sites", "s9"),), (change,), 4), dry_run=True))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Nothing is written" in text
    for words in ("1 added, 1 changed, 4 unchanged", "+ sites s9", "~ links w1", "carrier: nothing -> Meridian"):
        assert words in text


def test_opening_hours_fold_equal_days_into_spans() -> None:
    def span(day: int, opens: int, closes: int) -> OpeningHours:
        return OpeningHours(weekday=day, opens=time(opens), closes=time(closes))

    week = [span(day, 8, 18) for day in range(5)]
    assert opening_words([*week, span(5, 9, 13)]) == "Mon-Fri 08:00-18:00, Sat 09:00-13:00"
    assert opening_words([span(0, 13, 18), span(0, 8, 12)]) == "Mon 08:00-12:00 and 13:00-18:00"
    assert opening_words([span(4, 22, 6)]) == "Fri 22:00-06:00"
    assert opening_words([span(day, 0, 0) for day in range(7)]) == "Mon-Sun all day"
    assert opening_words([span(6, 6, 0)]) == "Sun 06:00-24:00"
    assert opening_words([]) == "not known"


def test_quantities_in_words() -> None:
    assert [bit_rate(value) for value in (None, 500, 64e3, 1.5e6, 1e9)] == [
        "not known",
        "500 bit/s",
        "64 kbit/s",
        "1.5 Mbit/s",
        "1 Gbit/s",
    ]
    assert [volume(size) for size in (999, 500_000_000, 50_000_000_000, 10**12)] == [
        "999 bytes",
        "500 MB",
        "50 GB",
        "1 TB",
    ]
    one_way = Link(id="l", site="s", committed_down_bps=25e6)
    assert rate_words(one_way) == "25 Mbit/s down, not known up"
    assert rate_words(Link(id="l", site="s", committed_up_bps=3e6)) == "not known down, 3 Mbit/s up"
    assert rate_words(Link(id="l", site="s")) == "not known"
    assert meter_words(Link(id="l", site="s", metered=True)) == "metered, allowance not known"
    assert [joined(["a", "b", "c"][:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
