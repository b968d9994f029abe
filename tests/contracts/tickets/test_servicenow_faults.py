"""What ServiceNow does silently, and what our adapter makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from contract_values import BINARY, file, new, ours, told
from stub_server import serving
from stub_servicenow import Instance
from system_servicenow import settings

from triage.model import Severity
from triage.tickets.port import TicketError, TicketStatus, TicketUpdate
from triage.tickets.servicenow.adapter import ServiceNowTickets
from triage.tickets.servicenow.mapping import next_offset

pytestmark = pytest.mark.rim


@asynccontextmanager
async def at(url_path: str = "", **changes: object) -> AsyncIterator[tuple[ServiceNowTickets, Instance]]:
    instance = Instance()
    async with serving(instance.application()) as url:
        tickets = ServiceNowTickets(settings(url + url_path, **changes))
        try:
            yield tickets, instance
        finally:
            await tickets.close()


def kept(instance: Instance, number: str) -> dict[str, str]:
    return next(one for one in instance.tables["incident"] if one["number"] == number)


async def test_a_title_that_would_be_cut_stands_whole_in_the_description() -> None:
    async with at() as (tickets, instance):
        title = "store-114: " + "very " * 40 + "long"
        number = await tickets.create(new(name=title))
        assert len(kept(instance, number)["short_description"]) == 160
        assert kept(instance, number)["short_description"].endswith("…")
        assert kept(instance, number)["description"].splitlines()[0] == title


async def test_of_a_text_that_would_be_cut_no_line_is_lost() -> None:
    async with at() as (tickets, _):
        lines = [f"{number:03}: loss 12.5 % on the line of store-114" for number in range(250)]
        number = await tickets.create(new(description="\n".join(lines)))
        shown = await tickets.show(number)
        everything = [*shown.description.splitlines(), *told(ours(shown))]
        assert [line for line in everything if line in set(lines)] == lines


async def test_a_create_that_broke_off_is_found_and_not_made_again() -> None:
    async with at() as (tickets, instance):
        instance.habits.add("breaks_off_after_insert")
        with pytest.raises(TicketError) as raised:
            await tickets.create(new("C-7:ticket"))
        assert raised.value.retryable
        await tickets.create(new("C-7:ticket"))
        assert len(instance.tables["incident"]) == 1


async def test_a_query_that_the_instance_drops_does_not_find_somebody_elses_incident() -> None:
    async with at() as (tickets, instance):
        await tickets.create(new("C-8:ticket"))
        instance.habits.add("understands_no_query")
        assert await tickets.find("C-7:ticket") is None


async def test_of_two_with_our_key_the_active_one_counts_then_the_older() -> None:
    async with at() as (tickets, instance):
        first = await tickets.create(new("C-7:ticket"))
        copy = dict(kept(instance, first))
        instance.tables["incident"].append({**copy, "sys_id": "f" * 32, "number": "INC0099999"})
        assert await tickets.find("C-7:ticket") == first
        await tickets.update(first, "C-7:close", TicketUpdate(status=TicketStatus.CLOSED, text="over"))
        assert await tickets.find("C-7:ticket") == "INC0099999"


async def test_of_two_opened_at_once_the_younger_is_cancelled() -> None:
    async with at() as (tickets, instance):
        first = await tickets.create(new("C-7:ticket"))
        younger = {**kept(instance, first), "sys_id": "f" * 32, "number": "INC0099999"}
        instance.tables["incident"].append(younger)
        rows = await tickets._with_key("C-7:ticket")
        assert await tickets._settled("C-7:ticket", rows[1]) == first
        assert younger["state"] == "8"


async def test_pages_go_on_past_records_that_we_may_not_read() -> None:
    async with at() as (tickets, instance):
        number = await tickets.create(new())
        for look in range(9):
            await tickets.add_note(number, f"C-7:note:{look}", f"look {look}")
        instance.habits.add("hides_some_records")
        record = kept(instance, number)
        from triage.tickets.servicenow.mapping import Record

        read = Record(
            **{name: record.get(name, "") for name in Record.__struct_fields__ if name not in ("owner", "queue")}
        )
        assert [entry.value.splitlines()[0] for entry in await tickets._journal(read)] == [
            f"look {look}" for look in range(1, 9, 2)
        ]


async def test_a_rule_that_keeps_the_old_state_is_an_error() -> None:
    async with at() as (tickets, instance):
        number = await tickets.create(new())
        instance.habits.add("has_a_rule_that_keeps_the_state")
        with pytest.raises(TicketError, match=r"state is '1' instead of '2'"):
            await tickets.update(number, "C-7:work", TicketUpdate(status=TicketStatus.IN_PROGRESS))


async def test_an_owner_whom_the_instance_does_not_know_is_an_error() -> None:
    async with at() as (tickets, _):
        number = await tickets.create(new())
        with pytest.raises(TicketError, match=r"no sys_user 'nobody\.at\.all'"):
            await tickets.update(number, "C-7:owner", TicketUpdate(owner="nobody.at.all"))


async def test_to_resolve_the_required_code_and_notes_are_given() -> None:
    async with at(close_code="Network fault") as (tickets, instance):
        number = await tickets.create(new())
        await tickets.update(
            number, "C-7:resolve", TicketUpdate(status=TicketStatus.RESOLVED, text="no loss since 10:00")
        )
        record = kept(instance, number)
        assert (record["close_code"], record["close_notes"]) == ("Network fault", "no loss since 10:00")


async def test_a_busy_instance_says_when_to_ask_again() -> None:
    async with at() as (tickets, instance):
        instance.habits.add("is_busy")
        with pytest.raises(TicketError) as raised:
            await tickets.find("C-7:ticket")
        assert raised.value.retryable
        assert raised.value.retry_after == 17


async def test_a_journal_that_we_may_not_read_is_said() -> None:
    async with at() as (tickets, instance):
        number = await tickets.create(new())
        instance.habits.add("keeps_the_journal_to_itself")
        with pytest.raises(TicketError, match=r"notes with 403.*give our user the right") as raised:
            await tickets.add_note(number, "C-7:note", "measured again")
        assert not raised.value.retryable


async def test_without_hashes_a_file_is_compared_byte_by_byte() -> None:
    async with at() as (tickets, instance):
        number = await tickets.create(new())
        instance.habits.add("tells_no_hashes")
        await tickets.attach(number, BINARY)
        await tickets.attach(number, BINARY)
        assert [content for _, content in instance.files] == [BINARY.content]
        other = file(BINARY.name, bytes(reversed(BINARY.content)))
        await tickets.attach(number, other)
        assert [content for _, content in instance.files] == [BINARY.content, other.content]


async def test_an_empty_page_is_not_the_last() -> None:
    async with at(page=1) as (tickets, instance):
        await tickets.create(new("C-1:ticket"))
        second = await tickets.create(new("C-2:ticket"))
        instance.habits |= {"hides_some_records", "understands_no_query"}
        assert await tickets.find("C-2:ticket") == second


async def test_an_instance_may_give_fewer_at_once_than_it_is_asked_for() -> None:
    """It gives two; where the next page begins is told by the Link header."""
    async with at(page=100) as (tickets, _):
        number = await tickets.create(new())
        for which in range(5):
            await tickets.attach(number, file(f"evidence-{which}.pdf", b"%PDF" + bytes([which])))
        assert len((await tickets.show(number)).attachments) == 5


@pytest.mark.parametrize(
    ("header", "offset"),
    [
        ('<https://x/api?sysparm_offset=0>;rel="first",<https://x/api?a=b,c&sysparm_offset=250>;rel="next"', 250),
        ('<https://x/api?sysparm_offset=0>; rel="prev"', None),
        ('<https://x/api>;rel="next"', 7),
    ],
)
def test_where_the_next_page_begins(header: str, offset: int | None) -> None:
    assert next_offset([header], 7) == offset


async def test_changes_of_an_incident_that_a_person_opened_are_found_by_its_number() -> None:
    async with at() as (tickets, instance):
        for number in ("INC1", "INC2"):
            row = {"sys_id": number.lower(), "number": number, "state": "1", "sys_created_on": instance.now(),
                   "sys_updated_on": instance.now()}  # fmt: skip
            instance.tables["incident"].append(row)
        moment = (await tickets.show("INC1")).updated_at
        ours_ = await tickets.create(new())
        assert (await tickets.changed_since(moment)).tickets == [ours_]
        assert sorted((await tickets.changed_since(moment, ["INC1"])).tickets) == sorted(["INC1", ours_])
        assert (await tickets.changed_since(moment + timedelta(minutes=1), ["INC1"])).tickets == []


async def test_a_key_may_hold_what_joins_terms_of_a_query() -> None:
    async with at() as (tickets, _):
        number = await tickets.create(new("C-7^active=true^ORx:ticket"))
        assert await tickets.find("C-7^active=true^ORx:ticket") == number
        assert await tickets.find("C-7") is None


async def test_client_and_site_come_back_and_a_severity_sets_impact_and_urgency() -> None:
    async with at(group="NOC", caller="anna", fields={"category": "network"}) as (tickets, instance):
        number = await tickets.create(new(severity=Severity.CRITICAL))
        record, shown = kept(instance, number), await tickets.show(number)
        assert (shown.client, shown.site, shown.queue) == ("acme", "store-114", "NOC")
        assert (record["impact"], record["urgency"], record["category"], shown.severity) == ("1", "1", "network", "1")
        assert record["caller_id"]


async def test_the_carriers_ticket_goes_along() -> None:
    async with at() as (tickets, instance):
        parent = await tickets.create(new("P-1:ticket"))
        number = await tickets.create(new(parent=parent))
        assert kept(instance, number)["parent_incident"] == kept(instance, parent)["sys_id"]


async def test_nothing_found_may_be_answered_with_404_but_a_wrong_address_is_none() -> None:
    async with at() as (tickets, instance):
        instance.habits.add("answers_404_for_nothing")
        number = await tickets.create(new("C-7:ticket"))
        assert await tickets.find("C-8:ticket") is None
        assert (await tickets.show(number)).notes == ()
    async with at(url_path="/wrong") as (tickets, _):
        with pytest.raises(TicketError, match=r"with 404.*check `url`"):
            await tickets.find("C-7:ticket")
