"""A site's sheet on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from inventory.changes import Changes
from inventory.describe import Line, Reachable, SiteSheet
from inventory.differences import Difference, DifferenceKind
from inventory.listing import Listing
from inventory.model import Contact, Inventory, Site
from inventory.sameness import printable
from inventory.wording import NOT_KNOWN, money, role_words

UNPLACED = (
    "Edges of clients that the inventory does not have: --out FILE.yaml writes them with a client that is proposed; "
    "look through the file, then import it."
)
Pairs = Iterable[tuple[str, str | None]]
MOST_SHOWN = 200
KINDS = {
    DifferenceKind.NEW_EDGE: "new edge",
    DifferenceKind.NEW_LINK: "new line",
    DifferenceKind.EDGE_IDENTITY: "ids at the host",
    DifferenceKind.LINK_IDENTITY: "id at the host",
    DifferenceKind.LIFE_CYCLE: "life cycle",
    DifferenceKind.SERIALS: "serials",
    DifferenceKind.MODEL: "model",
    DifferenceKind.INTERFACE: "port",
    DifferenceKind.RATES: "committed rates",
    DifferenceKind.CARRIER: "network",
    DifferenceKind.MISSING_EDGE: "missing",
    DifferenceKind.MISSING_LINK: "missing",
    DifferenceKind.STALE_LINK: "long inactive",
    DifferenceKind.RETIRED_HERE: "still in use",
}


def render_sheet(sheet: SiteSheet) -> RenderableType:
    """The whole sheet. What a repair needs is said to be not known; anything else is left out where it is empty."""
    site, client = sheet.site, sheet.client
    title = Text(site.name or site.id, style="bold")
    title.append(f"  {site.id}", style="not bold")
    facts: Pairs = (
        ("client", f"{client.name} ({client.id}), charge {money(client.monthly_charge, client.currency)}"),
        ("address", site.address),
        ("market", site.market),
        ("known as", ", ".join(site.aliases)),
        ("opening hours", sheet.hours),
        ("holidays", ", ".join(map(str, site.holidays))),
        ("access", site.access_hours),
    )
    parts: list[RenderableType] = [title, _pairs(facts)]
    parts += _section("Open cases", [_pairs([(case.id, f"{case.status}: {case.title}")]) for case in sheet.cases])
    work = [
        _pairs([(work.window.id, f"{work.when} {work.window.reason}".strip()), ("", work.remark)])
        for work in sheet.maintenance
    ]
    parts += _section("Announced work", work) if work else ()
    boxes = (
        item
        for box in sheet.boxes
        for item in (_name(box.device.id, box.part), _pairs([("monitoring", box.monitoring)]))
    )
    parts += _section("Devices", list(boxes))
    parts += _section("Lines", [item for line in sheet.lines for item in _line(line)])
    parts += _section("Contacts", [item for reachable in sheet.contacts for item in _contact(reachable)])
    return Group(*parts)


def render_changes(changes: Changes, *, dry_run: bool) -> RenderableType:
    """What an import did, or with `dry_run` would do."""
    count = f"{len(changes.added)} added, {len(changes.changed)} changed, {changes.unchanged} unchanged"
    parts = [Text(f"{'Nothing is written; an import would give: ' if dry_run else ''}{count}")]
    parts += [Text(f"  + {change.section} {change.id}") for change in changes.added]
    for change in changes.changed:
        parts.append(Text(f"  ~ {change.section} {change.id}"))
        parts += [Text(f"      {field.name}: {field.old} -> {field.new}") for field in change.fields]
    return Group(*parts)


def render_differences(listing: Listing, differences: Sequence[Difference], inventory: Inventory) -> RenderableType:
    """What a host has otherwise, site by site; of very many the first."""
    lines = sum(len(edge.links or ()) for edge in listing.edges)
    possible = sum(each.acceptable for each in differences)
    told = f"{counted(len(differences), 'difference')}, {possible} of them can be accepted"
    parts: list[RenderableType] = [
        Text(
            f"{listing.orchestrator} lists {counted(len(listing.edges), 'edge')} with {counted(lines, 'line')}. "
            f"{told if differences else 'No difference'}."
        ),
        *(Text(f"NOT READ: {printable(sentence)}", style="red") for sentence in (*listing.unread, *listing.unrated)),
    ]
    if listing.unread:
        parts.append(Text("What the host did not list is therefore not told as missing."))
    proposed = {item.id: item for each in differences for item in each.added if isinstance(item, Site)}
    shown = differences[:MOST_SHOWN]
    for number, (site, group) in enumerate(groupby(shown, key=lambda each: each.site)):
        known = inventory.sites.get(site) or proposed.get(site)
        title = Text(f"\n{(known.name if known else '') or site}", style="bold")
        title.append(f"  {site}{'' if site in inventory.sites else ', not in the inventory'}", style="not bold")
        parts += [title, render_group(list(group), listing.orchestrator, shown, titled=number == 0)]
    if len(differences) > MOST_SHOWN:
        parts.append(Text(f"\n... and {len(differences) - MOST_SHOWN} more; --json shows all, --out FILE writes them"))
    if any(each.unplaced for each in differences):
        parts.append(Text(f"\n{UNPLACED}"))
    return Group(*parts)


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def render_group(
    differences: Sequence[Difference], orchestrator: str, beside: Sequence[Difference] = (), *, titled: bool = True
) -> RenderableType:
    """Differences as a table: what it is about, both sides, and the id by which it is accepted; as wide as it must be
    for `beside`, which are shown in tables above and below it."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True, show_header=titled)
    for title, ratio in (("", 2), ("inventory", 2), (orchestrator, 4)):
        table.add_column(title, overflow="fold", ratio=ratio)
    width = max(len(_accepted_by(each)) for each in (*differences, *beside))
    table.add_column("accept with", no_wrap=True, min_width=width)
    for each in differences:
        theirs = Text(each.theirs)
        for remark, style in ((each.note, "dim"), (each.blocked and f"cannot be accepted: {each.blocked}", "red")):
            if remark:
                theirs.append(f"\n{remark}", style=style)
        about = Text(KINDS[each.kind], style="cyan")
        about.append(f" {each.subject}", style="default")
        table.add_row(about, Text(each.ours), theirs, _accepted_by(each), style="" if each.acceptable else "dim")
    return Padding(table, (0, 0, 0, 2))


def _accepted_by(each: Difference) -> str:
    return each.id if each.acceptable else "by --out FILE" if each.unplaced else "told only"


def _section(name: str, items: list[RenderableType]) -> Iterator[RenderableType]:
    yield Text(f"\n{name}", style="bold")
    yield from items or [Padding(Text("none"), (0, 0, 0, 2), expand=False)]


def _line(line: Line) -> Iterator[RenderableType]:
    link = line.link
    port = f"{link.device} {link.interface or ''}".strip() if link.device else None
    yield _name(link.id, f"{line.name}, {role_words(link)}" if link.is_wan else line.name)
    yield _pairs([("port", port), ("monitoring", line.monitoring)])
    if not link.is_wan:
        return
    yield _pairs(
        [
            ("runs on", link.underlying_carrier),
            ("circuit id", link.circuit_id or NOT_KNOWN),
            ("service number", link.service_number),
            ("carrier account", link.carrier_account or NOT_KNOWN),
            ("carrier repair", link.carrier_repair_contact or NOT_KNOWN),
            ("committed rate", line.rates),
            ("ownership", line.ownership),
            ("meter", line.meter),
            ("charge", line.charge),
            ("contract", line.contract),
            ("SLA profile", link.sla_profile),
            ("last mile", link.last_mile_group),
        ]
    )


def _contact(reachable: Reachable) -> Iterator[RenderableType]:
    contact: Contact = reachable.contact
    where = "on site" if reachable.on_site else f"escalation level {contact.escalation_level}"
    yield _name(contact.name, ", ".join(filter(None, (contact.role, where))))
    yield _pairs(
        [
            ("may report", "yes" if contact.may_report else "no: take the call, open nothing on this word alone"),
            ("phone", contact.phone),
            ("mail", contact.email),
            ("hours", contact.hours),
        ]
    )


def _name(name: str, what: str) -> RenderableType:
    text = Text(name, style="cyan")
    text.append(f"  {what}", style="default")
    return Padding(text, (0, 0, 0, 2), expand=False)


def _pairs(pairs: Pairs) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", min_width=15, no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            table.add_row(Text(name), Text(value))
    return Padding(table, (0, 0, 0, 4), expand=False)
