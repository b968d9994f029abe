"""Different spellings of one carrier or model are one; different ones are not."""

import pytest

from inventory.sameness import free_id, id_from, same_carrier, same_model, says_nothing, tidy


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Comcast", "Comcast Cable Communications, LLC"),
        ("AT&T", "ATT Services Inc."),
        ("AT & T", "at&t"),
        ("T-Mobile USA", "TMobile"),
        ("Meridian Fiber", "MERIDIAN FIBER"),
        ("Cox", "Cox Communications Inc."),
        ("Télécom Ouest", "Télécom Ouest SA"),
        ("Network Services", "network services"),
    ],
)
def test_these_are_one_carrier(one: str, other: str) -> None:
    assert same_carrier(one, other)
    assert same_carrier(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Comcast", "Charter Communications"),
        ("Mobile", "T-Mobile USA"),
        ("Communications", "Comcast Communications"),
        ("Cable One", "Cable Two"),
        ("Comcast", ""),
        ("Com", "Comcast"),
    ],
)
def test_these_are_two_carriers(one: str, other: str) -> None:
    assert not same_carrier(one, other)
    assert not same_carrier(other, one)


@pytest.mark.parametrize("name", ["", "Unknown", "N/A", " - ", "private", "null"])
def test_a_placeholder_says_nothing(name: str) -> None:
    assert says_nothing(name)


def test_a_carrier_says_something() -> None:
    assert not says_nothing("Unknown Horizons Fiber")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Edge 520", "edge520", True),
        ("edge520", "520", True),
        ("VeloCloud Edge 610", "edge610", True),
        ("ISR C8300-1N1S-6T", "C8300-1N1S-6T", True),
        ("MX68", "MX68CW", False),
        ("edge520", "edge520v", False),
        ("edge3520", "520", False),
        ("edge520", "", False),
    ],
)
def test_models_are_compared_by_letters_and_numbers(one: str, other: str, same: bool) -> None:
    assert same_model(one, other) is same
    assert same_model(other, one) is same


def test_a_hosts_text_is_one_line_that_can_be_printed() -> None:
    assert tidy("  Acme\x1b[31m\nStore \u202e114 ") == "Acme [31m Store 114"
    assert tidy(None) == ""
    assert tidy("x" * 300) == "x" * 200


def test_ids_are_made_of_names_and_are_free() -> None:
    assert id_from("Store #114 – Köln", "edge") == "store-114-koln"
    assert id_from("店", "edge-7") == "edge-7"
    assert free_id("a", {"b"}) == "a"
    assert free_id("a", {"a", "a-2"}) == "a-3"
