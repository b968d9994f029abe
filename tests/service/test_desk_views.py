"""What the desk's pages say, as pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from collector.model import Cadence, Fact, FactKind, Series, Source
from config.clock import epoch_ms
from inventory.model import Client, Contact, Device, DeviceRole, Inventory, Link, LinkRole, Monitoring, Site, SnmpAccess
from reports.model import Tone
from service.desk.context import Form
from service.desk.guard import is_own_host, is_same_origin
from service.desk.views.charts import charts
from service.desk.views.figures import NOT_MEASURED, LinkFigures, link_figures
from service.desk.views.freshness import source_freshness
from service.desk.views.home import home_view
from service.desk.views.reporting import Report, contacts_of
from service.desk.views.search import search
from service.desk.views.seen import Seen, expected_sources, is_fresh
from service.desk.views.states import SiteState, site_line
from service.desk.views.words import REASONS, reason_words
from triage.cases import Case, CaseStatus, Origin
from triage.model import Cause, Scope, Severity
from triage.policy import SourceOrder
from triage.reasons import Reason

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
MINUTE = Cadence(every=60, late=60)
CADENCES = {Source.SNMP: MINUTE, Source.PROBE: MINUTE, Source.ORCHESTRATOR: Cadence(every=300, late=600)}
ORDER = SourceOrder(
    quality=(Source.PROBE, Source.ORCHESTRATOR), traffic=(Source.SNMP, Source.ORCHESTRATOR, Source.PROBE)
)
LINK = Link(
    id="wan1",
    site="s",
    device="d",
    interface="eth0",
    probe_target="icmp://192.0.2.1",
    committed_down_bps=100e6,
    committed_up_bps=100e6,
)
DEVICE = Device(
    id="d", site="s", role=DeviceRole.ROUTER, management_address="192.0.2.1", snmp=SnmpAccess(credential="c")
)
SITE = Site(id="s", client="c", name="Pier 4")
INVENTORY = Inventory.of([Client(id="c", name="Acme")], [SITE], [DEVICE], [LINK])


def row(source: Source, end: datetime, **values: float) -> dict[Source, Series]:
    seconds = CADENCES[source].every
    start = np.array([epoch_ms(end) - seconds * 1000])
    fields = {name: np.array([value]) for name, value in values.items()}
    return {source: Series("wan1", source, start, np.array([seconds], dtype=np.int32), start, fields)}


def figures(rows: dict[Source, Series], *facts: Fact) -> LinkFigures:
    return link_figures(LINK, rows, facts, ORDER, CADENCES, NOW)


def seen(ages: dict[Source, float], inventory: Inventory = INVENTORY) -> Seen:
    expected = {link.id: expected_sources(link, inventory) for link in inventory.watched_links()}
    newest = {("wan1", source): NOW - timedelta(seconds=age) for source, age in ages.items()}
    return Seen(inventory, CADENCES, expected, newest, NOW)


def case(status: CaseStatus, severity: Severity | None = None, ident: str = "C-1") -> Case:
    return Case(
        id=ident,
        client="c",
        site="s",
        status=status,
        origins=(Origin.MACHINE,),
        title="",
        cause=Cause.LOSS,
        scope=Scope.LINK,
        severity=severity,
        link="wan1",
        onset=None,
        opened_at=NOW,
        updated_at=NOW,
    )


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (119.9, True), (120, False), (5000, False)])
def test_a_sample_is_fresh_until_the_next_slot_is_missing(age: float, fresh: bool) -> None:
    # The next slot ends 60 s after this one and may come 60 s late: missing from 120 s on.
    assert is_fresh(NOW - timedelta(seconds=age), MINUTE, NOW) is fresh


def test_what_never_came_is_not_fresh() -> None:
    assert not is_fresh(None, MINUTE, NOW)


@pytest.mark.parametrize(
    ("status", "age", "state"),
    [
        (None, 30, SiteState.OK),
        (None, 3000, SiteState.UNKNOWN),
        (CaseStatus.OPEN, 30, SiteState.TROUBLE),
        (CaseStatus.OPEN, 3000, SiteState.TROUBLE),
        (CaseStatus.SUSPECTED, 30, SiteState.SUSPECTED),
        (CaseStatus.PENDING, 30, SiteState.SUSPECTED),
        (CaseStatus.MONITORING, 30, SiteState.OK),
        (CaseStatus.MONITORING, 3000, SiteState.UNKNOWN),
    ],
)
def test_a_site_is_what_its_case_says_and_else_what_its_samples_say(
    status: CaseStatus | None, age: float, state: SiteState
) -> None:
    line = site_line(SITE, seen({Source.PROBE: age}), case(status) if status else None)
    assert line.state is state


def test_one_fresh_source_is_enough_to_know_a_line_and_each_source_keeps_its_age() -> None:
    line = site_line(SITE, seen({Source.PROBE: 30, Source.SNMP: 900}), None)
    assert (line.state, line.measured, line.watched) == (SiteState.OK, 1, 1)
    assert line.ages == (("SNMP", "15 min", False), ("Probe", "30 s", True))


def test_a_site_whose_second_line_is_silent_says_so() -> None:
    second = Link(id="wan2", site="s", role=LinkRole.SECONDARY, probe_target="icmp://192.0.2.2")
    inventory = Inventory.of([Client(id="c", name="Acme")], [SITE], [DEVICE], [LINK, second])
    assert site_line(SITE, seen({Source.PROBE: 30}, inventory), None).note == "1 of 2 lines measured"


def test_a_site_without_watched_lines_is_not_watched_whatever_was_measured() -> None:
    unwatched = Link(id="wan1", site="s", monitoring=Monitoring(subscribed=False))
    inventory = Inventory.of([Client(id="c", name="Acme")], [SITE], [], [unwatched])
    assert site_line(SITE, seen({Source.PROBE: 1}, inventory), None).state is SiteState.NOT_WATCHED


def test_absent_is_not_measured_and_not_zero() -> None:
    nothing = figures({})
    assert nothing.latency == nothing.loss == nothing.download == NOT_MEASURED
    assert NOT_MEASURED.text == "not measured"
    assert figures(row(Source.PROBE, NOW, loss_pct=float("nan"))).loss == NOT_MEASURED
    assert figures(row(Source.PROBE, NOW, loss_pct=0.0)).loss.text == "0 %"


def test_the_policys_first_source_speaks_while_it_is_fresh() -> None:
    probe, vendor = row(Source.PROBE, NOW, rtt_ms=20.0), row(Source.ORCHESTRATOR, NOW, latency_rx_ms=9.0)
    assert figures(probe | vendor).latency.text == "20 ms"
    stale = row(Source.PROBE, NOW - timedelta(minutes=2), rtt_ms=20.0)
    spoken = figures(stale | vendor).latency
    assert (spoken.text, spoken.note) == ("↓ 9 ms", "one way; Orchestrator, 0 s ago")


def test_a_fresh_first_source_speaks_even_when_another_is_newer() -> None:
    probe = row(Source.PROBE, NOW - timedelta(seconds=90), rtt_ms=20.0)
    assert figures(probe | row(Source.ORCHESTRATOR, NOW, latency_rx_ms=9.0)).latency.text == "20 ms"


def test_when_nobody_is_fresh_the_newest_is_shown_as_stale() -> None:
    older = row(Source.PROBE, NOW - timedelta(minutes=40), loss_pct=3.0)
    newer = row(Source.ORCHESTRATOR, NOW - timedelta(minutes=30), loss_rx_pct=1.0, loss_tx_pct=0.5)
    loss = figures(older | newer).loss
    assert (loss.text, loss.tone) == ("↓ 1 %  ↑ 0.5 %", Tone.UNKNOWN)
    assert loss.note == "one way; Orchestrator, 30 min ago, stale"


@pytest.mark.parametrize(("rate", "tone"), [(89e6, Tone.PLAIN), (90e6, Tone.WARNING), (120e6, Tone.WARNING)])
def test_a_line_that_is_nearly_full_is_marked(rate: float, tone: Tone) -> None:
    download = figures(row(Source.SNMP, NOW, rx_bps=rate)).download
    assert download.tone is tone
    assert download.share == pytest.approx(rate / 100e6)
    assert download.bar == min(100, round(rate / 1e6))


@pytest.mark.parametrize(("oper", "words"), [(1.0, "port up"), (0.0, "port down"), (0.5, "port up and down")])
def test_the_state_of_a_port_is_told_as_that_of_a_port(oper: float, words: str) -> None:
    [state] = figures(row(Source.SNMP, NOW, oper_up=oper)).states
    assert state.badge.text == words


def test_the_newest_word_of_the_orchestrator_is_shown_with_its_age() -> None:
    said = [
        Fact(NOW - timedelta(minutes=age), "wan1", FactKind.LINK_STATE, value, Source.ORCHESTRATOR, NOW)
        for age, value in ((9, "stable"), (2, "disconnected"))
    ]
    [state] = figures({}, *said).states
    assert (state.badge.text, state.badge.tone, state.note) == ("disconnected", Tone.BAD, "Orchestrator, 2 min ago")


def test_a_silent_device_explains_its_lines_and_the_rest_is_named() -> None:
    silent = Fact(NOW, "d", FactKind.POLL_OUTCOME, "timeout", Source.SNMP, NOW, "no SNMP answer")
    by_source = {one.source: one for one in source_freshness(seen({Source.PROBE: 300}), [silent])}
    assert by_source[Source.SNMP].why == ("1 device: SNMP timeout (no SNMP answer): d",)
    assert by_source[Source.PROBE].why == ("overdue values of 1 line: wan1",)
    assert (by_source[Source.PROBE].fresh, by_source[Source.PROBE].badge.text) == (0, "stale")


def test_a_device_that_answered_since_is_no_longer_the_reason() -> None:
    outcomes = [
        Fact(NOW - timedelta(minutes=age), "d", FactKind.POLL_OUTCOME, value, Source.SNMP, NOW)
        for age, value in ((9, "timeout"), (1, "ok"))
    ]
    [snmp, _] = source_freshness(seen({}), outcomes)
    assert snmp.why == ("nothing in the last 15 min of 1 line: wan1",)


def test_a_source_that_says_it_fails_is_quoted() -> None:
    failing = Fact(
        NOW - timedelta(minutes=3), "vco1", FactKind.SOURCE_STATE, "failing", Source.PROBE, NOW, "HTTP 500 from vco1"
    )
    [_, probe] = source_freshness(seen({}), [failing])
    assert probe.why[0] == "vco1 is failing since 3 min: HTTP 500 from vco1"


def test_everything_fresh_has_nothing_to_explain() -> None:
    fresh = source_freshness(seen({Source.PROBE: 10, Source.SNMP: 10}), [])
    assert [(one.ok, one.why) for one in fresh] == [(True, ()), (True, ())]


def test_open_cases_come_by_urgency() -> None:
    cases = [
        case(CaseStatus.MONITORING, Severity.CRITICAL, "C-1"),
        case(CaseStatus.SUSPECTED, Severity.CRITICAL, "C-2"),
        case(CaseStatus.OPEN, None, "C-3"),
        case(CaseStatus.OPEN, Severity.MAJOR, "C-4"),
        case(CaseStatus.OPEN, Severity.CRITICAL, "C-5"),
    ]
    view = home_view([], cases, INVENTORY, (), NOW)
    assert [line.case.id for line in view.cases] == ["C-5", "C-4", "C-3", "C-2", "C-1"]


def test_a_case_of_a_site_that_left_the_inventory_is_still_listed() -> None:
    [line] = home_view([], [case(CaseStatus.OPEN)], Inventory(), (), NOW).cases
    assert (line.site, line.client) == (None, "c")


def test_search_leads_to_a_case_or_ticket_by_its_number() -> None:
    assert search(INVENTORY, "c-12").hits[0].url == "/cases/C-12"
    assert search(INVENTORY, "T7").hits[0].url == "/tickets/T-7"
    assert search(INVENTORY, "c-12").sure
    assert not search(INVENTORY, "").hits


def test_a_site_that_is_called_like_a_case_is_asked_back() -> None:
    named = Inventory.of([Client(id="c", name="Acme")], [Site(id="s", client="c", aliases=("C-12",))])
    found = search(named, "C-12")
    assert [hit.url for hit in found.hits] == ["/cases/C-12", "/sites/s"]
    assert not found.sure


def test_search_by_words_looks_at_name_address_and_client() -> None:
    found = search(INVENTORY, "acme pier")
    assert [hit.url for hit in found.hits] == ["/sites/s"]
    assert not found.sure


def test_charts_leave_gaps_empty_and_name_both_rates_once_when_they_are_equal() -> None:
    minutes = np.array([0, 60_000, 180_000])
    series = Series(
        "wan1",
        Source.PROBE,
        minutes,
        np.full(3, 60, dtype=np.int32),
        minutes,
        {"loss_pct": np.array([0.0, np.nan, 1 / 3]), "rtt_ms": np.full(3, np.nan)},
    )
    view = charts(LINK, [series], "UTC", NOW - timedelta(hours=24), NOW)
    use, latency, loss, _ = view.panels
    assert loss.curves[0].values == [0.0, None, 0.333333]
    assert loss.curves[0].time == [0.0, 60.0, 180.0]
    assert latency.curves == ()
    assert [limit.label for limit in use.limits] == ["committed 100 Mbit/s"]


def test_whoever_may_report_is_offered_first_and_each_name_once() -> None:
    manager = Contact(name="Marcus Bell", may_report=True)
    site = Site(id="s", client="c", on_site_contact=manager)
    client = Client(
        id="c",
        name="Acme",
        contacts=(Contact(name="Front desk"), Contact(name="Marcus Bell"), Contact(name="Ana", may_report=True)),
    )
    people = contacts_of(site, client)
    assert [(person.name, person.may_report) for person in people] == [
        ("Marcus Bell", True),
        ("Ana", True),
        ("Front desk", False),
    ]


def test_somebody_else_goes_before_the_one_chosen_from_the_list() -> None:
    assert Report(reported_by="Ana", other_reporter="Eve").reporter == "Eve"
    assert Report(reported_by="Ana").reporter == "Ana"


def test_a_form_reads_the_first_value_of_a_name_and_an_absent_one_as_empty() -> None:
    form = Form((("who", " Ana "), ("who", "Eve"), ("yes", "")))
    assert (form.text("who"), form.text("note"), form.ticked("yes"), form.ticked("no")) == ("Ana", "", True, False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "[::1]:8080", "LOCALHOST"])
def test_loopback_is_our_own_host(host: str) -> None:
    assert is_own_host(host)


@pytest.mark.parametrize(
    "host", ["", "example.org", "127.0.0.1.example.org", "localhost@evil", "evil@localhost", "[::1", "127.0.0.2"]
)
def test_any_other_name_is_not(host: str) -> None:
    assert not is_own_host(host)


@pytest.mark.parametrize(
    ("site", "origin", "same"),
    [
        ("same-origin", None, True),
        ("same-origin", "http://evil", True),
        ("cross-site", "http://own", False),
        (None, "http://own", True),
        (None, "http://evil", False),
        (None, None, False),
    ],
)
def test_what_the_browser_says_of_the_site_goes_before_the_origin(
    site: str | None, origin: str | None, same: bool
) -> None:
    assert is_same_origin(site, origin, "http://own") is same


def test_every_reason_has_its_words_and_an_unknown_one_stays_as_it_is() -> None:
    assert set(REASONS) == set(Reason)
    assert reason_words("claim_confirmed") == "the client's report was confirmed"
    assert reason_words("from_the_future") == "from_the_future"
