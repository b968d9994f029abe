"""The proof of performance: what a client's lines did in a month. `gather_performance` reads, the rest is pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from collector.measures import Availability
from collector.model import Cadence, Source
from collector.store.port import MeasurementStore
from config.errors import NotFoundError
from inventory.maintenance import at_site
from inventory.model import Inventory, LifeCycle, Site
from reports.formatting import (
    ABSENT,
    availability,
    duration,
    local_span,
    local_time,
    month_bounds,
    percent,
    stated,
)
from reports.model import Block, MonthError, Report, Row, Rows, Section, Text, Tone
from reports.month import (
    JITTER_FIELDS,
    LATENCY_FIELDS,
    LOSS_FIELDS,
    LinkMonth,
    Outage,
    link_month,
    unwatched,
)
from reports.performance_charts import latency_figure, states_figure, use_figure
from reports.performance_tables import (
    PerformanceData,
    SiteMonth,
    counted,
    details,
    lasted,
    maintenance,
    outages_found,
    overview,
)

_READ = (*LATENCY_FIELDS, *JITTER_FIELDS, *LOSS_FIELDS, "rx_bps", "tx_bps", "oper_up")


async def gather_performance(
    store: MeasurementStore,
    inventory: Inventory,
    client_id: str,
    month: str,
    *,
    outages: Sequence[Outage],
    cadences: Mapping[Source, Cadence],
    now: datetime,
) -> PerformanceData:
    """Reads one site after the other, so that memory holds one site's month.

    `outages` are those that cases know, with their tickets. Raises NotFoundError for an unknown client, MonthError
    for a month of another form or one that has not begun, StoreError.
    """
    client = inventory.clients.get(client_id)
    if client is None:
        raise NotFoundError(f"no client {client_id!r} in the inventory; `lineproof inventory show` lists them")
    try:
        start, end = month_bounds(month, ZoneInfo(client.timezone))
    except ValueError:
        raise MonthError(f"the month {month!r} is not of the form YYYY-MM, such as 2026-03") from None
    cadence = min(cadences.values(), key=lambda one: one.every, default=Cadence(every=60, late=60))
    until = min(end, _slot_before(now - timedelta(seconds=cadence.late), cadence))
    if until <= start:
        raise MonthError(f"{month} has only just begun or lies ahead; choose a month that has measurements")
    sites = [site for site in inventory.sites.values() if site.client == client_id]
    months = [await _site_month(store, inventory, site, (start, until), outages, cadence) for site in sites]
    return PerformanceData(
        client=client, month=month, start=start, end=end, until=until, made_at=now, sites=tuple(months)
    )


async def _site_month(
    store: MeasurementStore,
    inventory: Inventory,
    site: Site,
    period: tuple[datetime, datetime],
    outages: Sequence[Outage],
    cadence: Cadence,
) -> SiteMonth:
    links = [link for link in inventory.links_at(site.id) if link.is_wan and link.life_cycle is LifeCycle.LIVE]
    names = [link.id for link in links if link.watched]
    series = await store.window(names, _READ, *period) if names else ()
    facts = await store.facts(names, *period) if names else ()
    months = [
        link_month(
            link,
            [one for one in series if one.link == link.id],
            [fact for fact in facts if fact.subject == link.id],
            outages,
            at_site(inventory, site.id),
            period,
            cadence,
        )
        if link.watched
        else unwatched(link)
        for link in links
    ]
    return SiteMonth(site=site, links=tuple(months))


def performance_report(data: PerformanceData, issuer: str = "Lineproof") -> Report:
    """The client's month as a report; the same data always give the same report."""
    total = _sum([link.availability for link in data.links])
    name = data.client.name or data.client.id
    outages = [outage for link in data.links for outage in link.outages if outage.measured and not outage.planned]
    title_month = f"{data.start.astimezone(data.zone):%B %Y}"
    return Report(
        id=f"performance-{data.client.id}-{data.month}",
        kind="Proof of performance",
        title=f"{name}: {title_month}",
        subtitle=f"Proof of performance – {counted(len(data.sites), 'site')}, {counted(len(data.links), 'line')}",
        issuer=issuer,
        headline=_headline(title_month, total, outages, data.until),
        tone=Tone.UNKNOWN if total.percent is None else Tone.PLAIN,
        highlights=(
            Row("availability of all lines", availability(total.percent)),
            Row("of the time was measured", percent(total.coverage_percent)),
            Row("outages", str(len(outages)) if total.percent is not None else ABSENT),
            Row("line down, all lines together", duration(total.down) if total.percent is not None else ABSENT),
        ),
        meta=_meta(data),
        sections=tuple(_sections(data)),
        footnotes=FOOTNOTES,
        footer=f"{data.client.id} · {data.month} · made {local_time(data.made_at, data.zone)}",
        made_at=data.made_at,
    )


def _headline(month: str, total: Availability, outages: Sequence[Outage], until: datetime) -> str:
    if total.percent is None:
        return f"In {month} nothing was measured on these lines; nothing can be said about their availability."
    return (
        f"In {month} the lines were available {availability(total.percent)} of the time measured; "
        f"{percent(total.coverage_percent)} of the time was measured. "
        f"{counted(len(outages), 'outage').capitalize() if outages else 'No outage'} outside announced maintenance"
        + (f", {duration(_down(outages, until))} together." if outages else ".")
    )


def _meta(data: PerformanceData) -> tuple[Row, ...]:
    partial = data.until < data.end
    excluded = sum(link.excluded_seconds for link in data.links)
    return (
        Row("Client", data.client.name or data.client.id),
        Row("Month", local_span(data.start, data.end, data.zone)),
        Row("Left out as announced maintenance", duration(excluded) if excluded else "nothing"),
        *((Row("Measured so far", f"until {local_time(data.until, data.zone)}", Tone.WARNING),) if partial else ()),
        Row("Made", local_time(data.made_at, data.zone)),
    )


def _sections(data: PerformanceData) -> Iterator[Section]:
    yield Section("Lines at a glance", (overview(data),))
    for number, site in enumerate(data.sites, 1):
        yield Section(site.site.name or site.site.id, tuple(_site(data, site, number)))
        for order, link in enumerate(site.links, 1):
            if link.latency is not None or link.utilisation is not None:
                yield Section(link.link.id, tuple(_charts(data, link, f"{number}-{order}")), level=2)


def _site(data: PerformanceData, month: SiteMonth, number: int) -> Iterator[Block]:
    site = month.site
    states = month.states
    rows = [Row("Site", site.id), Row("Address", stated(site.address))]
    if states is not None:
        own = states.availability(month.excluded)
        rows.append(
            Row("Some line up", f"{availability(own.percent)}; {percent(own.coverage_percent)} of the time known")
        )
    yield Rows(tuple(rows))
    if not month.links:
        yield Text("No line of this site is in service.")
        return
    yield states_figure(month.links, (data.start, data.until), data.zone, f"states-{number}")
    yield details(month)
    yield from outages_found(data, month)
    yield from maintenance(data, month)


def _charts(data: PerformanceData, month: LinkMonth, ident: str) -> Iterator[Block]:
    period = (data.start, data.until)
    if month.latency is not None:
        yield latency_figure(month.link, month.latency, period, data.zone, f"delay-{ident}")
    if month.utilisation is not None:
        yield use_figure(month.link, month.utilisation, period, data.zone, f"use-{ident}")


def _sum(parts: Sequence[Availability]) -> Availability:
    return Availability(
        up=sum(part.up for part in parts),
        down=sum(part.down for part in parts),
        expected=sum(part.expected for part in parts),
    )


def _down(outages: Sequence[Outage], until: datetime) -> float:
    """Their time outside announced maintenance."""
    return sum(lasted(outage, until) - outage.excluded_seconds for outage in outages)


def _slot_before(moment: datetime, cadence: Cadence) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % cadence.every, UTC)


FOOTNOTES = (
    "Availability is time up / (time up + time down), cut to three digits, never rounded up. Time in which nothing was "
    "measured, or sources disagree, is neither up nor down; how much of the time is known stands beside it as "
    "“measured”: (up + down) / expected. Announced maintenance is left out of both (MEF 10.4, Maintenance Interval).",
    "A line counts as down while its port is down (ifOperStatus), while a probe loses every packet, or while the "
    "orchestrator calls it disconnected; as up while a probe is answered, its tunnel passes packets, or traffic "
    "arrives. A device that does not answer its poll makes a line not known, never down.",
    "Delay, jitter and loss are those of available time only (MEF 10.4). Delay p50 and p95: nearest-rank percentiles "
    "of the samples of round-trip time (RFC 2681), or of the one-way delay (RFC 7679) where the table of sources says "
    "so. Loss: mean of the samples (RFC 7680). Jitter as its source reports it.",
    "Utilisation: 95th percentile (nearest rank) of 5-minute means of each direction, against the committed rate. "
    "Download is towards the site. Gaps are left out and are never counted as zero.",
    "“Some line up”: the share of the known time in which at least one of the site's lines was up.",
    "Not measured is neither zero nor healthy. No target is applied: figures stand as measured.",
)
