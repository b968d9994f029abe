"""A site's sheet on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from inventory.changes import Changes
from inventory.describe import Line, Reachable, SiteSheet
from inventory.model import Contact
from inventory.wording import NOT_KNOWN, money, role_words

Pairs = Iterable[tuple[str, str | None]]


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
    work = [_pairs([(work.window.id, f"{work.when} {work.window.reason}".strip())]) for work in sheet.maintenance]
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
