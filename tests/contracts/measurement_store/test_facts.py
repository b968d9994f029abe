"""What a store makes of facts."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from store_cases import HOUR, MINUTE, MORNING, ODD, Case, fact

from collector.model import Fact, FactKind, Source

pytestmark = pytest.mark.rim


async def test_facts_come_back_as_they_were_in_order_of_time(case: Case) -> None:
    exact = MORNING + timedelta(microseconds=1)
    written = [
        fact(2, detail='GE1 lost "dia", see\nlog'),
        Fact(exact, "router1", FactKind.POLL_OUTCOME, "timeout", Source.SNMP, exact),
        fact(1, subject="router2"),
    ]
    await case.store.write_facts(written)
    await case.settle()
    found = await case.store.facts(["router1", "router2"], MORNING, MORNING + HOUR)
    assert list(found) == [written[1], written[2], written[0]]


async def test_a_repeated_fact_changes_nothing(case: Case) -> None:
    for received in (1, 100):
        await case.store.write_facts([fact(received=received), fact(received=received)])
        await case.settle()
    assert list(await case.store.facts(["router1"], MORNING, MORNING + HOUR)) == [fact(received=1)]


async def test_two_facts_of_one_moment_are_two(case: Case) -> None:
    await case.store.write_facts([fact(value="LINK_DEAD"), fact(value="LINK_ALIVE"), fact(value="")])
    await case.settle()
    found = await case.store.facts(["router1"], MORNING, MORNING + HOUR)
    assert [each.value for each in found] == ["", "LINK_ALIVE", "LINK_DEAD"]


async def test_facts_are_asked_for_by_subject_kind_and_time(case: Case) -> None:
    state = fact(0, kind=FactKind.LINK_STATE, value="stable")
    await case.store.write_facts([state, fact(0), fact(10), fact(0, subject="router2")])
    await case.settle()
    store = case.store
    assert list(await store.facts(["router1"], MORNING, MORNING + 10 * MINUTE, [FactKind.LINK_STATE])) == [state]
    assert list(await store.facts(["router1"], MORNING, MORNING + 10 * MINUTE, [FactKind.EVENT])) == [fact(0)]
    assert list(await store.facts([], MORNING, MORNING + HOUR)) == []


async def test_facts_over_midnight_and_out_of_order_stand_in_order_of_time(case: Case) -> None:
    written = [fact(minute, value=str(minute)) for minute in range(0, 3 * 1440, 60)]
    shuffled = random.Random(4).sample(written, len(written))
    for first in range(0, len(shuffled), 24):
        await case.store.write_facts(shuffled[first : first + 24])
        await case.settle()
    assert list(await case.store.facts(["router1"], MORNING, MORNING + 72 * HOUR)) == written


async def test_a_period_of_facts_holds_its_start_and_not_its_end(case: Case) -> None:
    exact = timedelta(microseconds=1)
    await case.store.write_facts([fact(0), fact(10)])
    await case.settle()
    assert [each.time for each in await case.store.facts(["router1"], MORNING, MORNING + 10 * MINUTE)] == [MORNING]
    assert list(await case.store.facts(["router1"], MORNING + exact, MORNING + 10 * MINUTE)) == []


async def test_odd_subjects_values_and_details_are_themselves(case: Case) -> None:
    facts = [fact(subject=name, value=name, detail=name) for name in ODD]
    await case.store.write_facts(facts)
    await case.settle()
    assert sorted(await case.store.facts(ODD, MORNING, MORNING + HOUR)) == sorted(facts)


async def test_no_facts_at_all_change_nothing(case: Case) -> None:
    await case.store.write_facts([])
    await case.settle()
    assert list(await case.store.facts(["router1"], MORNING, MORNING + HOUR)) == []
