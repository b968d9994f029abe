"""The inventory in a real SQLite file: what goes in comes out, and importing merges by id in one transaction."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from config.database import Database
from config.errors import ConfigurationError
from inventory import tables
from inventory.changes import Change, FieldChange, diff, merged
from inventory.importing import read_inventory
from inventory.model import (
    Access,
    Client,
    CommandLineAccess,
    Contact,
    Contract,
    Device,
    DeviceRole,
    Inventory,
    LifeCycle,
    Link,
    LinkRole,
    MaintenanceWindow,
    Monitoring,
    OpeningHours,
    OrchestratorIdentity,
    Ownership,
    ReportWishes,
    Site,
    SnmpAccess,
    Tool,
)
from inventory.repository import import_file, load_inventory, replace_inventory

pytestmark = pytest.mark.rim

EXAMPLE = Path(__file__).parents[2] / "config/examples/inventory.example.yaml"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "records.db")
    await database.create_all()
    yield database
    await database.close()


async def loaded(database: Database) -> Inventory:
    async with database.reading() as connection:
        return await load_inventory(connection)


def test_every_field_of_the_model_has_a_column() -> None:
    kinds = {
        tables.client: Client,
        tables.site: Site,
        tables.device: Device,
        tables.link: Link,
        tables.maintenance: MaintenanceWindow,
    }
    for table, kind in kinds.items():
        assert set(table.c.keys()) == {field.name for field in fields(kind)} - {"aliases"}
        assert table.name.startswith("inventory_")


async def test_the_example_is_loaded_as_it_was_read(database: Database) -> None:
    changes = await import_file(database, EXAMPLE, dry_run=False)
    assert (len(changes.added), changes.changed, changes.unchanged) == (17, (), 0)
    assert await loaded(database) == read_inventory(EXAMPLE)


async def test_importing_the_same_file_again_changes_nothing(database: Database) -> None:
    await import_file(database, EXAMPLE, dry_run=False)
    again = await import_file(database, EXAMPLE, dry_run=False)
    assert not again
    assert again.unchanged == 17


async def test_a_dry_run_tells_the_same_changes_and_writes_nothing(database: Database) -> None:
    planned = await import_file(database, EXAMPLE, dry_run=True)
    assert await loaded(database) == Inventory()
    assert planned == await import_file(database, EXAMPLE, dry_run=False)


async def test_an_import_merges_by_id_and_leaves_the_rest_untouched(database: Database, tmp_path: Path) -> None:
    await import_file(database, EXAMPLE, dry_run=False)
    before = await loaded(database)
    more = tmp_path / "more.yaml"
    more.write_text(
        "sites:\n  - {id: store-300, client: harbor-coffee}\n"
        "links:\n  - {id: store-207-wan2, site: store-207, device: store-207-rtr, access: dsl, life_cycle: live}\n",
        encoding="utf-8",
    )
    changes = await import_file(database, more, dry_run=False)
    assert changes.added == (Change("sites", "store-300"),)
    assert [(change.section, change.id) for change in changes.changed] == [("links", "store-207-wan2")]
    assert FieldChange("life_cycle", "ordered", "live") in changes.changed[0].fields
    assert FieldChange("carrier", "Nutmeg Telephone", "nothing") in changes.changed[0].fields
    assert await loaded(database) == merged(before, read_inventory(more, before))
    assert set(before.links) == set((await loaded(database)).links)


async def test_nothing_of_a_faulty_file_is_imported(database: Database, tmp_path: Path) -> None:
    faulty = tmp_path / "faulty.yaml"
    faulty.write_text("clients: [{id: fine}]\nsites: [{id: s, client: unknown}]\n", encoding="utf-8")
    with pytest.raises(ConfigurationError):
        await import_file(database, faulty, dry_run=False)
    assert await loaded(database) == Inventory()


async def test_a_failure_half_way_through_an_import_leaves_nothing(database: Database) -> None:
    broken = Inventory.of([Client(id="c", name="c")], [Site(id="s", client="nobody")])
    with pytest.raises(IntegrityError):
        async with database.writing() as connection:
            await replace_inventory(connection, broken)
    assert await loaded(database) == Inventory()


async def test_aliases_are_replaced_with_their_site_and_keep_their_order(database: Database) -> None:
    client, site = Client(id="c", name="c"), Site(id="s", client="c", aliases=("b", "a"))
    async with database.writing() as connection:
        await replace_inventory(connection, Inventory.of([client], [site]))
    assert (await loaded(database)).sites["s"].aliases == ("b", "a")
    async with database.writing() as connection:
        await replace_inventory(connection, Inventory.of([], [replace(site, aliases=("z",))]))
        rows = (await connection.execute(select(func.count()).select_from(tables.site_alias))).scalar_one()
    assert rows == 1


async def test_money_keeps_its_cents_and_times_their_moment(database: Database) -> None:
    start = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    inventory = Inventory.of(
        [Client(id="c", name="c", monthly_charge=Decimal("12480.10"))],
        maintenance=[MaintenanceWindow(id="m", start=start, end=start.replace(hour=5), sites=("s",))],
    )
    async with database.writing() as connection:
        await replace_inventory(connection, inventory)
    found = await loaded(database)
    assert str(found.clients["c"].monthly_charge) == "12480.10"
    assert found.maintenance[0].start == start


async def test_ids_that_an_older_version_kept_as_numbers_are_text(database: Database) -> None:
    identity = OrchestratorIdentity(name="vco", edge_id="702", enterprise_id="41")
    edge = Device(id="d", site="s", role=DeviceRole.SDWAN_EDGE, orchestrator=identity)
    async with database.writing() as connection:
        await replace_inventory(
            connection, Inventory.of([Client(id="c", name="c")], [Site(id="s", client="c")], [edge])
        )
        numbers = {"name": "vco", "enterprise_id": 41, "edge_id": 702}
        await connection.execute(update(tables.device).values(orchestrator=numbers))
    assert (await loaded(database)).devices["d"].orchestrator == identity


def test_a_change_reads_as_the_fields_that_are_set() -> None:
    edge = OrchestratorIdentity(name="v", enterprise_id="1", edge_id="2")
    before = Device(id="d", site="s", role=DeviceRole.ROUTER, orchestrator=edge)
    after = Device(
        id="d", site="s", role=DeviceRole.ROUTER, serials=("A", "B"), monitoring=Monitoring(subscribed=False)
    )
    (change,) = diff(Inventory.of(devices=[before]), Inventory.of(devices=[after])).changed
    assert change.fields == (
        FieldChange("serials", "nothing", "A | B"),
        FieldChange("orchestrator", "name v, edge_id 2, enterprise_id 1", "nothing"),
        FieldChange("monitoring", "subscribed True", "subscribed False"),
    )
    dated = Link(id="l", site="s", contract=Contract(end=date(2027, 1, 31)))
    (change,) = diff(Inventory.of(links=[Link(id="l", site="s")]), Inventory.of(links=[dated])).changed
    assert change.fields == (FieldChange("contract", "nothing", "end 2027-01-31"),)


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
maybe_text = st.none() | text
money = st.none() | st.decimals(0, 10**6, places=2, allow_nan=False)
dates = st.dates(date(2000, 1, 1), date(2100, 1, 1))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
times = st.times().map(lambda moment: time(moment.hour, moment.minute))
contacts = st.builds(
    Contact, name=text, phone=maybe_text, email=maybe_text, escalation_level=st.integers(1, 9), may_report=st.booleans()
)
monitoring = st.builds(
    Monitoring, subscribed=st.booleans(), service=text, tools=st.lists(st.sampled_from(Tool), unique=True).map(tuple)
)
rates = st.none() | st.floats(1, 1e12, allow_nan=False)


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    client = draw(
        st.builds(
            Client,
            id=st.just("c"),
            name=text,
            contacts=st.lists(contacts, max_size=2).map(tuple),
            monthly_charge=money,
            reports=st.builds(ReportWishes, monthly=st.booleans(), recipients=st.lists(text, max_size=2).map(tuple)),
        )
    )
    hours = st.builds(OpeningHours, weekday=st.integers(0, 6), opens=times, closes=times)
    site = draw(
        st.builds(
            Site,
            id=st.just("s"),
            client=st.just("c"),
            name=text,
            business_hours=st.lists(hours, max_size=3).map(tuple),
            holidays=st.lists(dates, max_size=3).map(tuple),
            on_site_contact=st.none() | contacts,
            aliases=st.lists(text, max_size=3, unique=True).map(tuple),
        )
    )
    device = draw(
        st.builds(
            Device,
            id=st.just("d"),
            site=st.just("s"),
            role=st.sampled_from(DeviceRole),
            serials=st.lists(text, max_size=2).map(tuple),
            management_address=maybe_text,
            snmp=st.none() | st.builds(SnmpAccess, credential=text, port=st.integers(1, 65535)),
            orchestrator=st.none() | st.builds(OrchestratorIdentity, name=text, enterprise_id=text, edge_id=text),
            command_line=st.none() | st.builds(CommandLineAccess, credential=text, platform=text),
            life_cycle=st.sampled_from(LifeCycle),
            monitoring=monitoring,
        )
    )
    link = draw(
        st.builds(
            Link,
            id=st.just("l"),
            site=st.just("s"),
            device=st.sampled_from([None, "d"]),
            interface=maybe_text,
            access=st.none() | st.sampled_from(Access),
            role=st.sampled_from(LinkRole),
            carrier=maybe_text,
            committed_down_bps=rates,
            ownership=st.sampled_from(Ownership),
            metered=st.booleans(),
            cap_bytes=st.none() | st.integers(1, 10**15),
            monthly_charge=money,
            contract=st.builds(Contract, start=st.none() | dates, end=st.none() | dates),
            monitoring=monitoring,
        )
    )
    window = draw(st.builds(MaintenanceWindow, id=st.just("m"), start=moments, end=moments, links=st.just(("l",))))
    return Inventory.of([client], [site], [device], [link], [window])


@pytest.mark.slow
@given(st.lists(inventories(), min_size=1, max_size=2))
@settings(max_examples=10, deadline=None)
def test_whatever_the_model_can_hold_comes_back_from_the_tables_unchanged(versions: list[Inventory]) -> None:
    async def round_trip() -> None:
        with TemporaryDirectory() as folder:
            database = Database(Path(folder) / "records.db")
            await database.create_all()
            for inventory in versions:
                async with database.writing() as connection:
                    await replace_inventory(connection, inventory)
                assert await loaded(database) == inventory
            await database.close()

    asyncio.run(round_trip())


@given(inventories(), inventories())
@settings(max_examples=20, deadline=None)
def test_after_a_merge_nothing_is_left_to_change(old: Inventory, new: Inventory) -> None:
    both = merged(old, new)
    assert not diff(both, new)
    assert diff(both, new).unchanged == 5
    assert bool(diff(old, new)) == (old != new)
