"""Differences as a person reads them."""

from dataclasses import replace
from io import StringIO
from typing import Any

from rich.console import Console

from inventory.differences import Difference, DifferenceKind, difference
from inventory.listing import ListedEdge
from inventory.model import Inventory
from inventory.reconcile import reconciled
from inventory.render import KINDS, render_differences


def shown(listing: Any, differences: list[Difference], inventory: Inventory) -> str:
    console = Console(file=StringIO(), width=200)
    console.print(render_differences(listing, differences, inventory))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_every_kind_of_difference_has_a_word() -> None:
    assert set(KINDS) == set(DifferenceKind)


def test_each_site_has_its_differences_with_both_sides_and_how_to_accept_them(inventory: Inventory, host: Any) -> None:
    listing = host.with_link(down_bps=200e6)
    (rates,) = reconciled(listing, inventory)
    text = shown(listing, [rates], inventory)
    assert "vco1 lists 1 edge with 2 lines. 1 difference, 1 of them can be accepted." in text
    assert "Acme Dental Oak Park  store-117" in text
    (row,) = (line for line in text.splitlines() if "committed rates" in line)
    assert row.split("  ")[-1].strip() == rates.id
    assert row.index("100 Mbit/s down") < row.index("200 Mbit/s down")


def test_what_was_not_read_is_said_and_what_follows_from_it(inventory: Inventory, host: Any) -> None:
    text = shown(replace(host.same(), unread=("enterprise\x1b 42: 500",)), [], inventory)
    assert "No difference." in text
    assert "NOT READ: enterprise 42: 500" in text
    assert "not told as missing" in text


def test_rates_that_were_not_read_are_said_and_nothing_follows_from_it(inventory: Inventory, host: Any) -> None:
    text = shown(replace(host.same(), unrated=("rates of 1 edge: 500",)), [], inventory)
    assert "NOT READ: rates of 1 edge: 500" in text
    assert "not told as missing" not in text


def test_a_name_that_looks_like_markup_is_shown_as_it_is(inventory: Inventory, host: Any) -> None:
    odd = ListedEdge(edge_id="9", enterprise_id="41", name="[red]Store[/red]", links=())
    listing = host.of(host.same().edges[0], odd)
    assert "[red]Store[/red]" in shown(listing, reconciled(listing, inventory), inventory)


def test_an_edge_of_an_unknown_client_says_how_to_go_on(inventory: Inventory, host: Any) -> None:
    listing = host.of(host.same().edges[0], ListedEdge(edge_id="9", enterprise_id="77", enterprise_name="Initech"))
    text = shown(listing, reconciled(listing, inventory), inventory)
    assert "the inventory has no client for enterprise 77 Initech yet" in text
    assert "--out FILE.yaml" in text
    assert "by --out FILE" in text


def test_of_very_many_the_first_are_shown_and_the_others_counted(inventory: Inventory, host: Any) -> None:
    many = [difference(DifferenceKind.MODEL, "store-117", f"d{number}", "a", "b") for number in range(230)]
    text = shown(host.same(), many, inventory)
    assert "d199 " in text
    assert "d200 " not in text
    assert "... and 30 more" in text
