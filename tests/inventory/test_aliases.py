"""Which site is meant: any alias leads to it, exactly before roughly, and an ambiguous one lists its matches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import NotFoundError
from inventory.aliases import AmbiguousSiteError, Closeness, find_sites, resolve_site
from inventory.model import Client, Contact, Device, DeviceRole, Inventory, Link, Site

INVENTORY = Inventory.of(
    [Client(id="acme", name="Acme"), Client(id="bolt", name="Bolt")],
    [
        Site(
            id="store-114",
            client="acme",
            name="Pier 4",
            aliases=("114", "+1 617 555 0114"),
            on_site_contact=Contact(name="Bo", phone="(617) 555-0188"),
        ),
        Site(id="store-115", client="acme", name="Elm Street", aliases=("115", "0712")),
        Site(id="depot", client="bolt", aliases=("114", "7")),
    ],
    [
        Device(
            id="edge-1",
            site="store-114",
            role=DeviceRole.SDWAN_EDGE,
            serials=("VC0520-A", "VC0520-B"),
            management_address="192.0.2.11",
        ),
        Device(id="edge-2", site="store-115", role=DeviceRole.ROUTER, management_address="192.0.21.1"),
    ],
    [
        Link(id="wan-114", site="store-114", circuit_id="MF/HCFU/011402//", service_number="SN-7781140"),
        Link(id="wan-115", site="store-115", circuit_id="MF/HCFU/011502//"),
    ],
)


@pytest.mark.parametrize(
    "text",
    [
        "store-114",
        "Pier 4",
        "+1 617 555 0114",
        "edge-1",
        "VC0520-B",
        "192.0.2.11",
        "wan-114",
        "MF/HCFU/011402//",
        "SN-7781140",
        "  store-114 ",
    ],
)
def test_every_name_of_a_site_and_of_what_stands_there_leads_to_it(text: str) -> None:
    assert resolve_site(INVENTORY, text).id == "store-114"


@pytest.mark.parametrize(
    "text",
    ["STORE 114", "pier4", "6175550114", "+16175550188", "617-555-0188", "mf hcfu 011402", "vc0520b", "sn7781140"],
)
def test_spelling_case_and_punctuation_do_not_matter(text: str) -> None:
    (match,) = find_sites(INVENTORY, text)
    assert (match.site.id, match.closeness) == ("store-114", Closeness.NORMALISED)


def test_an_exact_name_beats_one_that_only_begins_so() -> None:
    exact = Inventory.of([], [Site(id="store-11", client="a"), Site(id="store-114", client="a")])
    assert resolve_site(exact, "store-11").id == "store-11"
    (match,) = find_sites(exact, "STORE-11")
    assert match.site.id == "store-11"


def test_a_beginning_is_enough_where_it_fits_one_site() -> None:
    (match,) = find_sites(INVENTORY, "MF/HCFU/0114")
    assert (match.site.id, match.kind, match.closeness) == ("store-114", "circuit id", Closeness.PREFIX)


def test_a_beginning_has_three_letters_at_least() -> None:
    assert find_sites(INVENTORY, "st") == ()
    assert len(find_sites(INVENTORY, "sto")) == 2


def test_an_ambiguous_name_lists_every_match_with_its_client() -> None:
    with pytest.raises(AmbiguousSiteError) as caught:
        resolve_site(INVENTORY, "114")
    assert [match.site.id for match in caught.value.matches] == ["depot", "store-114"]
    assert "depot (bolt, alias 114)" in str(caught.value)
    assert "store-114 (acme, alias 114)" in str(caught.value)
    assert [match.site.id for match in find_sites(INVENTORY, "store")] == ["store-114", "store-115"]


def test_the_list_of_matches_ends_after_ten() -> None:
    def message(count: int) -> str:
        sites = [Site(id=f"s{number}", client="c", name="Kiosk") for number in range(count)]
        with pytest.raises(AmbiguousSiteError) as caught:
            resolve_site(Inventory.of([], sites), "Kiosk")
        return str(caught.value)

    assert "more" not in message(10)
    assert "is 12 sites" in message(12)
    assert "; and 2 more;" in message(12)


def test_the_name_by_which_a_site_was_found_is_its_best_fitting_and_then_its_first() -> None:
    site = Site(id="kiosk-7", client="c", name="KIOSK 7", aliases=("kiosk 7",))
    assert [match.kind for match in find_sites(Inventory.of([], [site]), "kiosk 7")] == ["alias"]
    assert [match.kind for match in find_sites(Inventory.of([], [site]), "Kiosk/7")] == ["site"]


def test_a_site_that_answers_by_several_names_is_one_match() -> None:
    site = Site(id="s", client="c", name="S", aliases=("s",))
    assert len(find_sites(Inventory.of([], [site]), "s")) == 1


def test_addresses_are_never_read_without_their_dots() -> None:
    assert resolve_site(INVENTORY, "192.0.21.1").id == "store-115"
    assert find_sites(INVENTORY, "192.0.2.1") == ()
    assert find_sites(INVENTORY, "19202.11") == ()


def test_an_unknown_name_suggests_the_closest_one() -> None:
    with pytest.raises(NotFoundError, match="did you mean store-114"):
        resolve_site(INVENTORY, "stroe-114")
    with pytest.raises(NotFoundError, match="give a site's id"):
        resolve_site(INVENTORY, "zzzzzz")


@pytest.mark.parametrize("text", ["", " ", "///", "\x00", "é", "("])
def test_no_text_whatever_crashes_the_search(text: str) -> None:
    assert find_sites(INVENTORY, text) == ()


def test_a_short_number_is_not_the_end_of_a_phone_number() -> None:
    assert find_sites(INVENTORY, "50114") == ()
    assert find_sites(INVENTORY, "5550114") == ()


@given(st.text("0123456789", min_size=7, max_size=12), st.sampled_from(["+1", "+44", "+353", "0", "00"]))
def test_a_phone_is_found_with_and_without_its_country_code(number: str, code: str) -> None:
    national = number.lstrip("0")
    if len(national) >= 7:
        inventory = Inventory.of([], [Site(id="s", client="c", aliases=(f"{code} {national[:3]}-{national[3:]}",))])
        assert [match.site.id for match in find_sites(inventory, national)] == ["s"]
