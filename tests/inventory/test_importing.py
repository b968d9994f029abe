"""Importing an inventory: all of a file, or every fault of it and nothing."""

from dataclasses import fields
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from config.errors import ConfigurationError, Fault
from inventory import documents
from inventory.importing import inventory_of, read_inventory
from inventory.model import Access, Client, Inventory, Site, Tool

EXAMPLE = Path(__file__).parents[2] / "config/examples/inventory.example.yaml"

SMALL = """\
clients:
  - {id: acme, timezone: America/Chicago}
sites:
  - {id: s1, client: acme}
devices:
  - {id: r1, site: s1, role: router}
links:
  - {id: w1, site: s1, device: r1, interface: ge0, access: dia}
"""


def written(folder: Path, text: str, name: str = "inventory.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(path: Path, known: Inventory | None = None) -> list[Fault]:
    with pytest.raises(ConfigurationError) as caught:
        read_inventory(path, known)
    return list(caught.value.faults)


def seen(faults: list[Fault]) -> list[tuple[int | None, str, str]]:
    return [(fault.line, fault.field, fault.value) for fault in faults]


def window(start: str, end: str, more: str) -> str:
    return f"maintenance:\n  - {{id: m, start: {start}, end: {end}{more}}}"


def test_the_example_imports_and_lists_every_key_that_a_file_may_have() -> None:
    read_inventory(EXAMPLE)
    text = EXAMPLE.read_text(encoding="utf-8")
    kinds = [
        kind for kind in vars(documents).values() if isinstance(kind, type) and issubclass(kind, documents.Document)
    ]
    keys = {key for kind in kinds for key in kind.model_fields} | set(documents.SECTIONS)
    assert [key for key in sorted(keys) if f"{key}:" not in text] == []


def test_a_file_can_say_everything_that_the_model_holds() -> None:
    for kind in vars(documents).values():
        if isinstance(kind, type) and issubclass(kind, documents.Document) and kind is not documents.Document:
            assert set(kind.model_fields) == {field.name for field in fields(kind.record)}, kind


def test_the_csv_example_is_the_same_inventory_as_the_yaml_example() -> None:
    assert read_inventory(EXAMPLE.parent / "csv") == read_inventory(EXAMPLE)


def test_values_are_read_as_people_write_them() -> None:
    inventory = read_inventory(EXAMPLE)
    link = inventory.links["store-114-lte"]
    assert (link.access, link.committed_down_bps, link.cap_bytes) == (Access.LTE, 30e6, 50_000_000_000)
    assert link.monthly_charge == Decimal(85)
    assert inventory.links["store-114-wan1"].monitoring.tools == (Tool.SNMP, Tool.ORCHESTRATOR, Tool.PROBE)
    assert inventory.sites["store-114"].aliases == ("114", "BOS-PIER4", "+1 617 555 0114")
    sunday = [hours for hours in inventory.sites["store-114"].business_hours if hours.weekday == 6]
    assert [(span.opens, span.closes) for span in sunday] == [(time(8), time(12)), (time(13), time(18))]


def test_a_site_without_a_zone_lies_in_its_clients(tmp_path: Path) -> None:
    assert read_inventory(written(tmp_path, SMALL)).sites["s1"].timezone == "America/Chicago"
    known = Inventory.of([Client(id="acme", name="", timezone="Asia/Kolkata")])
    site = inventory_of({"sites": [{"id": "s9", "client": "acme"}]}, "x", known=known).sites["s9"]
    assert site.timezone == "Asia/Kolkata"


def test_numbers_that_would_lose_their_zeros_or_plus_stay_text(tmp_path: Path) -> None:
    text = SMALL.replace("client: acme}", "client: acme, aliases: [0712, 114, +15550100]}")
    assert read_inventory(written(tmp_path, text)).sites["s1"].aliases == ("0712", "114", "+15550100")


def test_maintenance_without_an_offset_is_in_the_sites_zone(tmp_path: Path) -> None:
    text = SMALL + "maintenance:\n  - {id: m, start: 2026-07-01 22:00, end: 2026-07-02T05:00:00Z, links: [w1]}\n"
    window = read_inventory(written(tmp_path, text)).maintenance[0]
    # Chicago is UTC-5 in July.
    assert window.start == datetime(2026, 7, 2, 3, tzinfo=UTC)
    assert window.end == datetime(2026, 7, 2, 5, tzinfo=UTC)


def test_maintenance_over_two_zones_needs_an_offset() -> None:
    document = {
        "clients": [{"id": "a"}],
        "sites": [
            {"id": "s1", "client": "a", "timezone": "Asia/Kolkata"},
            {"id": "s2", "client": "a", "timezone": "Asia/Kathmandu"},
        ],
        "maintenance": [{"id": "m", "start": "2026-07-01 22:00", "end": "2026-07-01 23:00", "sites": ["s1", "s2"]}],
    }
    with pytest.raises(ConfigurationError) as caught:
        inventory_of(document, "x")
    assert "offset" in caught.value.faults[0].expected


def test_every_fault_is_named_at_once_with_line_field_value_and_what_was_expected(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """\
clients:
  - id: acme
    timezone: Chicago
    contacts:
      - name: Ada
        email: nowhere
sites:
  - id: s1
    client: acne
    timezne: UTC
  - id: s1
    client: acme
devices:
  - id: r1
    site: s2
    role: rooter
links:
  - id: w1
    site: s1
    device: r2
    access: cable
    committed_down_bps: 100 MB/s
    metered: false
    cap_bytes: 5 GB
  - id: w2
    site: s1
    device: r2
link: []
""",
    )
    faults = faults_of(path)
    assert seen(faults) == [
        (3, "clients[0].timezone", "Chicago"),
        (6, "clients[0].contacts[0].email", "nowhere"),
        (9, "sites[0].client", "acne"),
        (10, "sites[0].timezne", "UTC"),
        (11, "sites[1].id", "s1"),
        (15, "devices[0].site", "s2"),
        (16, "devices[0].role", "rooter"),
        (20, "links[0].device", "r2"),
        (21, "links[0].access", "cable"),
        (22, "links[0].committed_down_bps", "100 MB/s"),
        (24, "links[0].cap_bytes", "5 GB"),
        (27, "links[1].device", "r2"),
        (28, "link", ""),
    ]
    by_field = {fault.field: fault.expected for fault in faults}
    assert "did you mean America/Chicago" in by_field["clients[0].timezone"]
    assert "did you mean timezone" in by_field["sites[0].timezne"]
    assert "did you mean router" in by_field["devices[0].role"]
    assert "broadband" in by_field["links[0].access"]
    assert "satellite" in by_field["links[0].access"]
    assert "did you mean links" in by_field["link"]
    assert all(fault.file == str(path) for fault in faults)


def test_a_key_with_nothing_behind_it_is_a_key_left_out(tmp_path: Path) -> None:
    text = SMALL.replace("timezone: America/Chicago}", "timezone: , contacts: , name: }")
    assert read_inventory(written(tmp_path, text)).clients["acme"] == Client(id="acme", name="acme")
    (fault,) = faults_of(written(tmp_path, "clients:\n  - name: x\n    id:\n"))
    assert (fault.line, fault.field, fault.expected) == (3, "clients[0].id", "a value (this key is required)")


def test_a_reference_to_an_item_that_is_itself_faulty_is_not_a_second_fault(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL.replace("role: router", "role: rooter"))
    assert seen(faults_of(path)) == [(6, "devices[0].role", "rooter")]


@pytest.mark.parametrize(
    ("more", "line", "field", "expected"),
    [
        ("  - {id: w2, site: s9}", 9, "links[1].site", "none is called s9"),
        ("  - {id: w2, site: s1, device: r9}", 9, "links[1].device", "none is called r9"),
        ("  - {id: w1, site: s1}", 9, "links[1].id", "not taken"),
        ("  - {id: w2, site: s1, device: r1, interface: ge0}", 9, "links[1].interface", "w1 has it already"),
        ("  - {id: w2, site: s1, interface: ge0}", 9, "links[1].interface", "`device` beside it"),
        ("  - {id: w2, site: s1, contract: {start: 2026-02-01, end: 2026-01-31}}", 9, "links[1].contract.end", "02-01"),
        ("  - {id: w2, site: s1, committed_up_bps: 0}", 9, "links[1].committed_up_bps", "greater than 0"),
        ("  - {id: w2, site: s1, committed_up_bps: .inf}", 9, "links[1].committed_up_bps", "finite"),
        ("  - {id: w2, site: s1, probe_target: tcp://h}", 9, "links[1].probe_target", "icmp://HOST"),
        ("  - {id: w2, site: s1, probe_target: 'udp://h:99999'}", 9, "links[1].probe_target", "udp://HOST:PORT"),
        ("  - {id: w2, site: s1, probe_target: 'udp://h:0'}", 9, "links[1].probe_target", "udp://HOST:PORT"),
        ("  - {id: w2, site: s1, probe_target: 'udp://h:65536'}", 9, "links[1].probe_target", "udp://HOST:PORT"),
        ("  - {id: a/b, site: s1}", 9, "links[1].id", "letters"),
        ("  - {id: w2, site: s1, carrier: no}", 9, "links[1].carrier", "quotes"),
        ("  - {id: w2, site: s1, monthly_charge: -1}", 9, "links[1].monthly_charge", "greater than or equal to 0"),
        ('  - {id: w2, site: s1, carrier: "a\\u202eb"}', 9, "links[1].carrier", "control characters"),
        (window("2026-01-02 00:00", "2026-01-01 00:00", ", sites: [s1]"), 10, "maintenance[0].end", "after its start"),
        (window("2026-01-01 00:00", "2026-01-01 00:00", ", sites: [s1]"), 10, "maintenance[0].end", "after its start"),
        (window("2026-01-01 00:00", "2026-01-02 00:00", ", sites: [s8]"), 10, "maintenance[0].sites", "s8"),
        (window("2026-01-01 00:00", "2026-01-02 00:00", ", links: [w8]"), 10, "maintenance[0].links", "w8"),
        (window("2026-01-01 00:00", "2026-01-02 00:00", ""), 10, "maintenance[0]", "sites or links"),
        (window("tonight", "2026-01-02 00:00", ", sites: [s1]"), 10, "maintenance[0].start", "a time such as"),
        ("maintenance: 3", 9, "maintenance", "a list"),
    ],
)
def test_one_mistake_gives_one_fault_at_its_line(
    tmp_path: Path, more: str, line: int, field: str, expected: str
) -> None:
    faults = faults_of(written(tmp_path, f"{SMALL}{more}\n"))
    assert [(fault.line, fault.field) for fault in faults] == [(line, field)]
    assert expected in faults[0].expected


@pytest.mark.parametrize(
    "more",
    [
        "probe_target: 'udp://h:1'",
        "probe_target: 'udp://[2001:db8::1]:65535'",
        "contract: {start: 2026-02-01, end: 2026-02-01}",
        "metered: true, cap_bytes: 1",
    ],
)
def test_what_lies_just_inside_the_limits_is_right(tmp_path: Path, more: str) -> None:
    assert "w2" in read_inventory(written(tmp_path, f"{SMALL}  - {{id: w2, site: s1, {more}}}\n")).links


def test_an_item_that_is_wrong_in_one_key_is_checked_against_the_others_all_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL + "  - {id: w2, site: s1, device: r1, interface: ge0, access: cable}\n")
    assert seen(faults_of(path)) == [(9, "links[1].access", "cable"), (9, "links[1].interface", "ge0")]


def test_a_link_cannot_end_at_a_device_of_another_site(tmp_path: Path) -> None:
    text = SMALL.replace("devices:", "  - {id: s2, client: acme}\ndevices:").replace("w1, site: s1", "w1, site: s2")
    faults = faults_of(written(tmp_path, text))
    assert seen(faults) == [(9, "links[0].device", "r1")]
    assert "r1 is at s1" in faults[0].expected


def test_an_alias_is_one_site_of_a_client_but_two_clients_may_number_alike() -> None:
    sites = [{"id": "s1", "client": "a", "aliases": ["X1"]}, {"id": "s2", "client": "b", "aliases": ["x1"]}]
    document = {"clients": [{"id": "a"}, {"id": "b"}], "sites": sites}
    assert len(inventory_of(document, "x").sites) == 2
    sites[1]["client"] = "a"
    with pytest.raises(ConfigurationError) as caught:
        inventory_of(document, "x")
    assert [fault.field for fault in caught.value.faults] == ["sites[1].aliases"]


def test_a_retired_link_frees_its_interface(tmp_path: Path) -> None:
    text = SMALL + "  - {id: w0, site: s1, device: r1, interface: ge0, life_cycle: retired}\n"
    assert len(read_inventory(written(tmp_path, text)).links) == 2


def test_a_secondary_without_a_primary_is_fine(tmp_path: Path) -> None:
    assert read_inventory(written(tmp_path, SMALL.replace("access: dia", "role: secondary"))).links


def test_a_file_may_build_on_what_was_imported_before(tmp_path: Path) -> None:
    known = read_inventory(written(tmp_path, SMALL))
    more = written(tmp_path, "links:\n  - {id: w2, site: s1, device: r1, interface: ge1}\n")
    assert set(read_inventory(more, known).links) == {"w2"}
    taken = written(tmp_path, "links:\n  - {id: w2, site: s1, device: r1, interface: ge0}\n")
    assert seen(faults_of(taken, known)) == [(2, "links[0].interface", "ge0")]
    moved = written(tmp_path, "sites: [{id: s2, client: acme}]\ndevices:\n  - {id: r1, site: s2, role: router}\n")
    assert seen(faults_of(moved, known)) == [(3, "devices[0].site", "s2")]


def test_a_scenario_needs_no_more_than_ids_and_where_things_are() -> None:
    inventory = inventory_of(
        {
            "clients": [{"id": "c"}],
            "sites": [{"id": "X", "client": "c", "timezone": "UTC"}],
            "links": [
                {"id": "X-lan", "site": "X", "role": "lan"},
                {"id": "X-p", "site": "X", "committed_down_bps": 100_000_000},
            ],
        },
        "scenarios.jsonl",
    )
    assert inventory.clients["c"] == Client(id="c", name="c")
    assert inventory.sites["X"] == Site(id="X", client="c")
    assert inventory.links["X-p"].committed_down_bps == 1e8


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not a text in UTF-8"),
        (b"clients:\n  - {id: caf\xe9}\n", "not a text in UTF-8 (line 2)"),
        (b"clients:\n\t- id: x\n", "not YAML"),
        (b"clients: [", "not YAML"),
        (b"clients:\n- id: a\n  id: b\n", "stands here and on line 2"),
        (b"a\x00b", "control character"),
        (b"just a text", "1 fault"),
        (b"", "1 fault"),
        (b"- a\n- b\n", "1 fault"),
    ],
)
def test_what_is_no_inventory_at_all_ends_in_one_clear_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_inventory(path)
    assert sentence in str(caught.value)
    assert caught.value.faults


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert read_inventory(path).links


def test_a_missing_file_and_a_spreadsheet_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_inventory(tmp_path / "none.yaml")
    with pytest.raises(ConfigurationError, match="save its sheets as CSV"):
        read_inventory(tmp_path / "stores.xlsx")


def test_a_file_in_which_every_item_is_wrong_still_names_them_all() -> None:
    document = {"links": [{"id": f"w{n}", "site": "s", "access": "x"} for n in range(200)]}
    with pytest.raises(ConfigurationError) as caught:
        inventory_of(document, "x")
    # Each link's access is not a word of ours, and its site does not exist.
    assert len(caught.value.faults) == 400
    assert str(caught.value) == "x has 400 faults; nothing is imported"


def test_the_example_is_one_plain_yaml_document() -> None:
    assert set(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))) == set(documents.SECTIONS)
