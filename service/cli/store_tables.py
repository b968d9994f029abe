"""What is in a store, as lines for a person. Times are UTC: a store has no site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from collector.store.inspect import JournalStats, LinkStats, Problem, StoreStats
from collector.store.manifest import Kind
from collector.store.port import MaintenanceReport
from config.clock import from_epoch_ms
from reports.formatting import duration
from triage.formatting import number, scaled, shortest

_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_DAYS_SHOWN = 10
ABSENT = "-"


def size_text(size: float) -> str:
    """Decimal multiples of a byte: 295 100 000 -> "295 MB"."""
    return scaled(size, _BYTES, "bytes")


def rows_text(count: int) -> str:
    return "1 row" if count == 1 else f"{number(count, 0)} rows"


def moment_text(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ABSENT


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> Iterator[str]:
    """Columns two spaces apart, the first `left` of them flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            text.ljust(width) if place < left else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("  " + "  ".join(cells)).rstrip()


def stats_lines(found: StoreStats) -> Iterator[str]:
    if not found.kinds:
        yield "nothing in the parts yet"
    else:
        table = [("", "days", "parts", "rows", "size", "bytes/row", "oldest (UTC)", "newest (UTC)")]
        for one in found.kinds:
            each = shortest(one.size / one.rows)
            oldest, newest = moment_text(one.oldest), moment_text(one.newest)
            table.append(
                (
                    one.kind,
                    str(one.days),
                    str(one.parts),
                    number(one.rows, 0),
                    size_text(one.size),
                    each,
                    oldest,
                    newest,
                )
            )
        yield from aligned(table)
        yield from _day_lines(found)
    if found.held_until:
        yield f"nothing expires before {moment_text(found.held_until)} UTC: the clock jumped forward"
    for lost in found.quarantined:
        part = lost.part
        yield (
            f"set aside {moment_text(from_epoch_ms(lost.at))}: {part.name} {lost.reason}; "
            f"{rows_text(part.rows)} of {_span(part.first_key, part.last_key)}"
        )


def _day_lines(found: StoreStats) -> Iterator[str]:
    days = sorted({day.day for day in found.days if day.kind in (Kind.SAMPLES, Kind.FACTS)}, reverse=True)
    kinds = {(day.day, day.kind): day for day in found.days}
    table = [("day", "samples", "size", "parts", "facts", "size")]
    for name in days[:_DAYS_SHOWN]:
        samples, facts = kinds.get((name, Kind.SAMPLES)), kinds.get((name, Kind.FACTS))
        table.append(
            (
                name,
                number(samples.rows, 0) if samples else ABSENT,
                size_text(samples.size) if samples else ABSENT,
                str(samples.parts) if samples else ABSENT,
                number(facts.rows, 0) if facts else ABSENT,
                size_text(facts.size) if facts else ABSENT,
            )
        )
    if len(table) > 1:
        yield ""
        yield from aligned(table)
    if len(days) > _DAYS_SHOWN:
        yield f"  and {len(days) - _DAYS_SHOWN} earlier days; --json names all of them"


def journal_lines(found: JournalStats, now: datetime) -> Iterator[str]:
    yield ""
    yield (
        f"journal: {size_text(found.size)} of {size_text(found.limit)} ({number(100 * found.size / found.limit)} %), "
        f"{number(found.position, 0)} entries ever"
    )
    if found.alarm:
        yield f"  ALARM since {moment_text(found.alarm)} UTC: nearly full; see why a reader does not get on"
    if not found.readers:
        yield "  nobody has read it yet"
        return
    table = [("reader", "at entry", "waiting", "for", "rows shed", "set aside")]
    for one in found.readers:
        since = duration(max(0.0, (now - one.waiting_since).total_seconds())) if one.waiting_since else ABSENT
        shed, aside = number(one.rows_shed, 0), number(one.rows_aside, 0)
        table.append((one.name, number(one.position, 0), number(one.waiting, 0), since, shed, aside))
    yield from aligned(table)


LINK_HEADINGS = ("link", "source", "rows", "size", "oldest (UTC)", "newest (UTC)", "coverage", "gaps", "longest")


def link_cells(one: LinkStats) -> tuple[str, ...]:
    percent = one.coverage_percent
    return (
        one.link,
        str(one.source),
        number(one.rows, 0),
        size_text(one.size),
        moment_text(one.oldest),
        moment_text(one.newest),
        f"{number(percent, 2)} %" if percent is not None else ABSENT,
        number(one.gaps, 0),
        duration(one.longest_gap.total_seconds()) if one.gaps else ABSENT,
    )


def problem_lines(problems: Sequence[Problem]) -> Iterator[str]:
    for one in problems:
        days = one.day if one.day == one.last_day else f"{one.day} to {one.last_day}"
        yield f"{one.file} {one.reason}"
        yield f"  {one.kind} of {days}, {rows_text(one.rows)} of {_span(one.first_key, one.last_key)}"
        if one.set_aside:
            yield "  set aside in `quarantine`: nobody reads it any more, everything else stays readable"
        yield f"  {remedy(one)}"


def remedy(problem: Problem) -> str:
    """What a person should do about a damaged part."""
    command = "maintain" if problem.set_aside else "verify"
    copy = f"put a good copy into `parts` under the same name and run `lineproof store {command}`"
    if problem.kind in (Kind.HOURS, Kind.DAYS):
        return f"`lineproof store maintain` rolls it up again where the samples are still kept; else {copy}"
    return f"{copy}; without one these rows are lost. See to the disk that it lay on"


def report_lines(report: MaintenanceReport) -> Iterator[str]:
    told = (
        (report.sealed_rows, "rows sealed from the journal"),
        (report.parts_written, "parts written"),
        (report.parts_removed, "parts removed, since merged or expired"),
        (report.rolled_days, "closed days rolled up"),
        (report.expired_parts, "parts expired"),
        (report.quarantined, "damaged parts set aside: see `lineproof store stats`"),
    )
    done = [(number(count, 0), what) for count, what in told if count]
    width = max((len(count) for count, _ in done), default=0)
    yield from (f"{count:>{width}} {what}" for count, what in done)
    if not done:
        yield "nothing to do"


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"
