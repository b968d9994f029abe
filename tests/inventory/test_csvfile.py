"""CSV as people export it: folders, one flat sheet, semicolons, byte order marks, and what is wrong with a line."""

from pathlib import Path

import pytest

from config.errors import ConfigurationError, Fault
from inventory.importing import read_inventory
from inventory.model import Client, Contact, DeviceRole, Inventory, Site

FLAT = """\
id,site,client,site.timezone,device,device.role,device.management_address,device.snmp.credential,interface,access
w1,s1,acme,America/Chicago,r1,router,192.0.2.1,stores,ge0,dia
w2,s1,acme,America/Chicago,r1,,,,ge1,lte
w3,s2,acme,,,,,,,dsl
"""


def written(folder: Path, **sheets: str) -> Path:
    for name, text in sheets.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def faults_of(path: Path, known: Inventory | None = None) -> list[Fault]:
    with pytest.raises(ConfigurationError) as caught:
        read_inventory(path, known)
    return list(caught.value.faults)


def seen(faults: list[Fault]) -> list[tuple[str, int | None, str, str]]:
    return [(Path(fault.file).name, fault.line, fault.field, fault.value) for fault in faults]


def test_one_flat_sheet_describes_links_and_all_that_they_belong_to(tmp_path: Path) -> None:
    inventory = read_inventory(written(tmp_path, stores=FLAT) / "stores.csv")
    assert list(inventory.clients) == ["acme"]
    assert {site.id: (site.client, site.timezone) for site in inventory.sites.values()} == {
        "s1": ("acme", "America/Chicago"),
        "s2": ("acme", "UTC"),
    }
    device = inventory.devices["r1"]
    assert (device.site, device.role, device.snmp and device.snmp.credential) == ("s1", DeviceRole.ROUTER, "stores")
    assert {link.id: (link.site, link.device, link.interface) for link in inventory.links.values()} == {
        "w1": ("s1", "r1", "ge0"),
        "w2": ("s1", "r1", "ge1"),
        "w3": ("s2", None, None),
    }


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_semicolons_tabs_marks_and_line_ends_make_no_difference(
    tmp_path: Path, delimiter: str, mark: str, newline: str
) -> None:
    plain = read_inventory(written(tmp_path, stores=FLAT) / "stores.csv")
    path = tmp_path / "other.csv"
    path.write_bytes((mark + FLAT.replace(",", delimiter).replace("\n", newline)).encode())
    assert read_inventory(path) == plain


def test_a_quoted_cell_over_two_lines_does_not_shift_the_lines_of_faults(tmp_path: Path) -> None:
    sites = 'id,client,address\ns1,acme,"4 Pier Street\nBoston"\n\ns2,acne,x\n'
    faults = faults_of(written(tmp_path, clients="id\nacme\n", sites=sites))
    assert seen(faults) == [("sites.csv", 5, "client", "acne")]


def test_faults_of_several_sheets_come_together_with_file_line_and_column(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        clients="id,timezone\nacme,Chicago\n",
        sites="id,client\ns1,acme\ns1,acme\n",
        devices="id,site,role,snmp.credential\nr1,s1,rooter,x\n",
        links="id,site,access,contract.end,monitoring.tools\nw1,s7,cable,31.12.2026,snmp | prob\n",
    )
    assert seen(faults_of(folder)) == [
        ("clients.csv", 2, "timezone", "Chicago"),
        ("devices.csv", 2, "role", "rooter"),
        ("devices.csv", 2, "snmp", ""),
        ("links.csv", 2, "access", "cable"),
        ("links.csv", 2, "contract.end", "31.12.2026"),
        ("links.csv", 2, "monitoring.tools[1]", "prob"),
        ("links.csv", 2, "site", "s7"),
        ("sites.csv", 3, "id", "s1"),
    ]


def test_an_unknown_column_is_one_fault_on_the_header_line(tmp_path: Path) -> None:
    links = "id,site,acces,access,access,,\n" + "w1,s1,,dia,dsl,,\n" * 3
    faults = [fault for fault in faults_of(written(tmp_path, links=links, clients="id\n")) if fault.line == 1]
    assert [(fault.field, fault.expected) for fault in faults] == [
        ("acces", "a known column; did you mean access?"),
        ("access", "each column once"),
    ]


def test_a_column_without_a_name_is_a_fault_only_where_it_is_filled(tmp_path: Path) -> None:
    faults = faults_of(written(tmp_path, clients="id,,\nacme,,\nb,x,\n"))
    assert [(fault.line, fault.value, fault.expected) for fault in faults] == [(3, "x", "a name over its column")]


def test_a_line_with_cells_too_many_or_too_few_is_named(tmp_path: Path) -> None:
    faults = faults_of(written(tmp_path, clients="id,name\nacme\nb,B,x\n"))
    assert [(fault.line, fault.value) for fault in faults] == [(2, "1 cells"), (3, "3 cells")]


def test_rows_that_describe_one_thing_differently_are_a_fault_naming_both_lines(tmp_path: Path) -> None:
    text = FLAT + "w4,s1,other,Asia/Tokyo,r1,firewall,,,ge2,dsl\n"
    faults = faults_of(written(tmp_path, stores=text) / "stores.csv")
    assert seen(faults) == [
        ("stores.csv", 5, "site.timezone", "Asia/Tokyo"),
        ("stores.csv", 5, "client", "other"),
        ("stores.csv", 5, "device.role", "firewall"),
    ]
    assert all("stores.csv:2" in fault.expected for fault in faults)


def test_faults_of_what_a_flat_row_describes_name_the_rows_column(tmp_path: Path) -> None:
    text = FLAT.replace("America/Chicago", "Chicago").replace(",router,", ",rooter,")
    assert seen(faults_of(written(tmp_path, stores=text) / "stores.csv")) == [
        ("stores.csv", 2, "site.timezone", "Chicago"),
        ("stores.csv", 2, "device.role", "rooter"),
    ]


def test_a_wrong_id_in_a_flat_row_is_named_by_the_column_it_stands_in(tmp_path: Path) -> None:
    text = "id,site,client,device,device.role\nw1,s/1,ac/me,r/1,router\n"
    fields = [field for _, _, field, _ in seen(faults_of(written(tmp_path, stores=text) / "stores.csv"))]
    assert sorted(set(fields)) == ["client", "device", "site"]


def test_a_description_of_what_the_row_does_not_name_is_a_fault(tmp_path: Path) -> None:
    path = written(tmp_path, stores="id,site,device.role\nw1,s1,router\n") / "stores.csv"
    known = Inventory.of([Client(id="a", name="a")], [Site(id="s1", client="a")])
    assert seen(faults_of(path, known)) == [("stores.csv", 2, "device", "")]


def test_a_flat_sheet_that_only_names_a_known_site_leaves_its_record_alone(tmp_path: Path) -> None:
    known = Inventory.of([Client(id="acme", name="Acme")], [Site(id="s1", client="acme", name="Pier 4")])
    path = written(tmp_path, stores="id,site,client\nw1,s1,acme\n") / "stores.csv"
    found = read_inventory(path, known)
    assert (dict(found.clients), dict(found.sites), list(found.links)) == ({}, {}, ["w1"])
    other = written(tmp_path, stores="id,site,client\nw1,s1,acne\n") / "stores.csv"
    assert ("stores.csv", 2, "client", "acne") in seen(faults_of(other, known))


def test_contacts_belong_to_a_client_or_a_site(tmp_path: Path) -> None:
    contacts = "client,site,name,may_report\nacme,,Ada,yes\n,s1,Bo,no\n"
    folder = written(tmp_path, clients="id\nacme\n", sites="id,client\ns1,acme\n", contacts=contacts)
    inventory = read_inventory(folder)
    assert inventory.clients["acme"].contacts == (Contact(name="Ada", may_report=True),)
    assert inventory.sites["s1"].on_site_contact == Contact(name="Bo")
    written(tmp_path, contacts="client,site,name,email\nacme,s1,Ada,\nacne,,Bo,\nacme,,Cy,nowhere\n")
    assert seen(faults_of(folder)) == [
        ("contacts.csv", 2, "client", "acme"),
        ("contacts.csv", 3, "client", "acne"),
        ("contacts.csv", 4, "email", "nowhere"),
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"\n\n", 1),
        (b"id,name\nacme,Caf\xe9\n", 2),
        (b'id,name\nacme,"a"b\n', 2),
        (b'id,name\nacme,"never closed\n', 2),
        (b"\x89PNG\r\n\x1a\n\x00\x00", 1),
        (b"PK\x03\x04\x14\x00\x06\x00", 1),
        (b"id,name\nacme,a\x00b\n", 2),
    ],
)
def test_what_is_no_csv_is_a_fault_with_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(content)
    assert faults_of(path)[0].line == line


def test_an_empty_folder_says_which_files_it_could_hold(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"links\.csv"):
        read_inventory(tmp_path)
