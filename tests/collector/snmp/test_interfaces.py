"""Which row of IF-MIB is the interface that the inventory means."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from collector.snmp.interfaces import Column, Row, find_row, naming_columns

TABLE: Mapping[Column, Mapping[str, bytes]] = {
    Column.IF_NAME: {"1": b"Gi0/0/0", "2": b"gi0/0/1", "3": b"GI0/0/1", "4": b"ge0\0", "5": b"same", "6": b"same"},
    Column.IF_DESCR: {"1": b"GigabitEthernet0/0/0", "9": b"only described", "2": b"Gi0/0/0"},
    Column.IF_ALIAS: {"1": b"WAN to carrier"},
}


@pytest.mark.parametrize(
    ("interface", "index", "column"),
    [
        ("Gi0/0/0", 1, Column.IF_NAME),  # ifName comes before the ifDescr of another row
        ("GI0/0/0", 1, Column.IF_NAME),
        ("gigabitethernet0/0/0", 1, Column.IF_DESCR),
        ("GI0/0/1", 3, Column.IF_NAME),  # exact before alike
        ("ge0", 4, Column.IF_NAME),
        ("only described", 9, Column.IF_DESCR),
        ("ifIndex:7", 7, None),
        ("ifAlias:wan to carrier", 1, Column.IF_ALIAS),
    ],
)
def test_an_interface_is_found_by_name(interface: str, index: int, column: Column | None) -> None:
    row = find_row(interface, TABLE)
    assert row is not None
    assert (row.index, row.column) == (index, column)


@pytest.mark.parametrize(
    "interface", ["ge1", "gI0/0/1", "same", "ifIndex:x", "ifIndex:", "ifAlias:none", "WAN to carrier"]
)
def test_a_name_that_is_absent_or_borne_twice_finds_nothing(interface: str) -> None:
    assert find_row(interface, TABLE) is None


def test_only_the_columns_that_the_names_need_are_read() -> None:
    assert naming_columns(["ifIndex:1", "ifIndex:2"]) == ()
    assert naming_columns(["ge0", "ifIndex:2"]) == (Column.IF_NAME, Column.IF_DESCR)
    assert naming_columns(["ifAlias:wan"]) == (Column.IF_ALIAS,)


def test_a_row_asks_for_its_name_first_so_that_a_moved_index_shows() -> None:
    row = Row(3, Column.IF_NAME, b"ge0", (Column.IF_OPER_STATUS,))
    assert row.oids == ("1.3.6.1.2.1.31.1.1.1.1.3", "1.3.6.1.2.1.2.2.1.8.3")
    assert Row(3, None, b"", (Column.IF_OPER_STATUS,)).oids == ("1.3.6.1.2.1.2.2.1.8.3",)
