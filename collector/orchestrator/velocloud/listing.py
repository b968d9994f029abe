"""The whole inventory of a VCO, as one account sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from collector.orchestrator.directory import Directory
from collector.orchestrator.login import LoginRefusedError
from collector.orchestrator.port import OrchestratorError, SessionExpiredError
from collector.orchestrator.record import Record, Rows, read_rows
from collector.orchestrator.velocloud.calls import (
    EDGE_PAGE,
    ENTERPRISE_EDGES,
    NETWORK_ENTERPRISES,
    OWN_ENTERPRISE,
    PROXY_ENTERPRISES,
)
from collector.orchestrator.velocloud.configuration import ConfiguredLine, line_of, read_configuration
from collector.orchestrator.velocloud.paging import read_pages
from collector.orchestrator.velocloud.rights import refuses
from collector.orchestrator.velocloud.session import VcoSession, number
from config.errors import Blame
from inventory.listing import RATES_NOT_ASKED, ListedEdge, ListedLink, Listing

AT_ONCE = 4
FAILURES_IN_A_ROW = 5
"""After so many edges one after the other whose rates could not be read, the others are not asked for theirs."""
VENDOR = "velocloud"
SPARE_MODES = frozenset({"BACKUP", "HOTSTANDBY"})
NOT_YET_ACTIVATED = frozenset({"UNASSIGNED", "PENDING"})


async def read_listing(session: VcoSession, known: Directory, now: datetime, *, rates: bool) -> Listing:
    """Every edge of every enterprise that the account sees, and of those that the inventory names.

    One call says which enterprises there are, one for each of them and page its edges; with `rates` one more for each
    activated edge. Raises OrchestratorError when there is nothing to go by: no enterprise could be read, or the host
    shows no edge at all though the inventory has some.
    """
    unread: list[str] = []
    names = await _enterprises(session, known, unread)
    edges: list[ListedEdge] = []
    in_a_row = 0
    for enterprise, name in names.items():
        try:
            edges += await _edges_of(session, known, enterprise, name, unread)
            in_a_row = 0
        except OrchestratorError as error:
            in_a_row += 1
            if in_a_row == FAILURES_IN_A_ROW or isinstance(error, SessionExpiredError | LoginRefusedError):
                raise
            unread.append(f"enterprise {enterprise} {name}".rstrip() + f": {error}")
    if not edges and known.devices:
        raise OrchestratorError(
            f"{session.host} lists no edge, though the inventory has {len(known.devices)} there; nothing is concluded "
            f"from it, check the account's rights and the enterprise ids{': ' if unread else ''}{'; '.join(unread)}",
            retryable=True,
            blame=Blame.VENDOR,
        )
    unrated: list[str] = []
    if rates:
        edges = await _with_rates(session, edges, unrated)
    else:
        unrated.append(RATES_NOT_ASKED)
    return Listing(orchestrator=session.name, vendor=VENDOR, read_at=now, edges=edges, unread=unread, unrated=unrated)


async def _enterprises(session: VcoSession, known: Directory, unread: list[str]) -> dict[str, str]:
    """Names by id. Operators, partners and customers are told by different methods; each refuses the others."""
    ours = dict.fromkeys(known.enterprises(), "")
    for method in (NETWORK_ENTERPRISES, PROXY_ENTERPRISES, OWN_ENTERPRISE):
        try:
            answer = await session.call(method, {})
        except OrchestratorError as error:
            if not refuses(error):
                raise
            continue
        items = answer if isinstance(answer, list) else [answer]
        found = dict(session.counted(method, _enterprise_rows(items)))
        return found | {enterprise: name for enterprise, name in ours.items() if enterprise not in found}
    unread.append("which enterprises the account sees is not told to it: those of the inventory alone were read")
    return ours


def _enterprise_rows(items: Sequence[object]) -> Rows[tuple[str, str]]:
    def read(record: Record) -> tuple[tuple[str, str] | None, int]:
        enterprise = record.identifier("id")
        return (None, 1) if enterprise is None else ((enterprise, record.text("name") or ""), 0)

    return read_rows(items, read)


async def _edges_of(
    session: VcoSession, known: Directory, enterprise: str, name: str, unread: list[str]
) -> list[ListedEdge]:
    about = f"enterprise {enterprise} {name}".rstrip()
    items = await _edge_items(session, enterprise)
    ours = sum(
        one.orchestrator is not None and one.orchestrator.enterprise_id == enterprise for one in known.devices.values()
    )
    if not items and ours:
        unread.append(
            f"{about}: no edge is listed, though the inventory has {ours} there; nothing is concluded from it"
        )
    if nameless := nameless_links(items):
        unread.append(f"{about}: {nameless} links have no internalId and are left out")
    rows = session.counted(ENTERPRISE_EDGES, listed_edges(items))
    return [replace(edge, enterprise_id=enterprise, enterprise_name=name) for edge in rows]


async def _edge_items(session: VcoSession, enterprise: str) -> list[object]:
    """Every page. A host too old for pages answers a plain list; one as long as a page may be cut off there."""
    parameters = {"enterpriseId": number(enterprise), "with": ["links", "site"]}
    pages = await read_pages(session, ENTERPRISE_EDGES, {**parameters, "limit": EDGE_PAGE}, plain=True)
    if pages.cut or (pages.plain and len(pages.items) >= EDGE_PAGE):
        return await session.list(ENTERPRISE_EDGES, parameters)
    return pages.items


def listed_edges(items: Sequence[object]) -> Rows[ListedEdge]:
    """The edges of enterprise/getEnterpriseEdges. Pure. A pair's two serials stand in one order, whichever of the boxes
    is the active one at the moment."""
    return read_rows(items, _listed_edge)


def _listed_edge(record: Record) -> tuple[ListedEdge | None, int]:
    edge = record.identifier("id")
    if edge is None:
        return None, 1
    site = record.record("site")
    items = record.items("links")
    links = read_rows(items, _listed_link) if isinstance(items, list) else None
    serials = {record.text("serialNumber"), record.text("haSerialNumber")}
    words = (site.text(name) for name in ("streetAddress", "city", "state", "postalCode", "country"))
    listed = ListedEdge(
        edge_id=edge,
        name=record.text("name") or "",
        model=record.text("modelNumber") or "",
        serials=tuple(sorted(serial for serial in serials if serial)),
        activated=_activated(record.text("activationState"), record.text("edgeState")),
        address=", ".join(word for word in words if word),
        timezone=site.text("timezone"),
        links=None if links is None else tuple(links),
    )
    return listed, site.damaged + (links.damaged if links else 0)


def _activated(activation: str | None, state: str | None) -> bool:
    return activation not in NOT_YET_ACTIVATED and (activation is not None or state != "NEVER_ACTIVATED")


def _listed_link(record: Record) -> tuple[ListedLink | None, int]:
    """A link. Its `logicalId` is the next hop's, which two links may share: only the internalId names it."""
    internal_id = record.text("internalId")
    if internal_id is None:
        return None, 1
    mode = record.text("linkMode")
    groups = record.items("serviceGroups")
    link = ListedLink(
        id=internal_id,
        interface=record.text("interface"),
        name=record.text("displayName"),
        isp=record.text("isp"),
        wireless=True if "PUBLIC_WIRELESS" in groups else False if _wired(groups) else None,
        backup=None if mode is None else mode in SPARE_MODES,
        last_active=record.moment("lastActive"),
    )
    return link, 0


def _wired(groups: Iterable[object]) -> bool:
    return not {"PUBLIC_WIRED", "PRIVATE_WIRED"}.isdisjoint(group for group in groups if isinstance(group, str))


def nameless_links(items: Sequence[object]) -> int:
    """Links that nothing names, so that they cannot be compared with ours. Pure."""
    links = [Record(link) for item in items for link in Record(item).items("links")]
    return sum(link.text("internalId") is None for link in links)


@dataclass(slots=True)
class _Rates:
    """What became of the edges that were asked for their rates."""

    lines: dict[str, Sequence[ConfiguredLine]] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)
    """Names of edges by the reason."""
    in_a_row: int = 0
    skipped: int = 0


async def _with_rates(session: VcoSession, edges: Sequence[ListedEdge], unrated: list[str]) -> list[ListedEdge]:
    """The edges with the rates, and whether a line is wireless, from each one's configuration."""
    rates = _Rates()
    asked = iter([edge for edge in edges if edge.activated and edge.links])
    await asyncio.gather(*(_ask(session, asked, rates) for _ in range(AT_ONCE)))
    for reason, names in rates.failed.items():
        unrated.append(f"rates of {len(names)} edges, {', '.join(names[:3])}{', ...' if names[3:] else ''}: {reason}")
    if rates.skipped:
        unrated.append(f"rates of {rates.skipped} more edges were not asked for, after {FAILURES_IN_A_ROW} failures")
    return [_rated(edge, rates.lines.get(edge.edge_id, ())) for edge in edges]


async def _ask(session: VcoSession, edges: Iterable[ListedEdge], rates: _Rates) -> None:
    for edge in edges:
        if rates.in_a_row >= FAILURES_IN_A_ROW:
            rates.skipped += 1
            continue
        try:
            found = await read_configuration(session, edge.enterprise_id, edge.edge_id)
        except OrchestratorError as error:
            rates.failed.setdefault(str(error), []).append(edge.name or edge.edge_id)
            rates.in_a_row += 1
            continue
        rates.in_a_row = 0
        if found.lines is None:
            rates.failed.setdefault("the host has no WAN configuration of it", []).append(edge.name or edge.edge_id)
        else:
            rates.lines[edge.edge_id] = found.lines


def _rated(edge: ListedEdge, lines: Sequence[ConfiguredLine]) -> ListedEdge:
    if not edge.links:
        return edge
    return replace(edge, links=tuple(_rated_link(link, line_of(lines, link.id, link.interface)) for link in edge.links))


def _rated_link(link: ListedLink, line: ConfiguredLine | None) -> ListedLink:
    if line is None:
        return link
    return replace(
        link,
        name=link.name or line.name,
        isp=link.isp or line.isp,
        down_bps=line.down_bps,
        up_bps=line.up_bps,
        wireless=link.wireless if line.wireless is None else line.wireless,
        backup=True if line.backup else link.backup,
    )
