"""Rows of links with their edges, whichever method an account may ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.velocloud.calls import EDGE_LINK_STATUS, ENTERPRISE_EDGES
from collector.orchestrator.velocloud.rights import Refusals, refuses
from collector.orchestrator.velocloud.rows import LinkRow, link_rows, read_links
from collector.orchestrator.velocloud.session import VcoSession


async def read_status(
    session: VcoSession, refusals: Refusals, enterprises: Sequence[int], *, urgent: bool = False
) -> Sequence[LinkRow]:
    """Every link of these enterprises, in one call.

    getEnterpriseEdgeLinkStatus is for operators and partners. A customer's own account, which has one enterprise, asks
    for that one's edges instead. Raises OrchestratorError; where both are refused, of the first.
    """
    alone = partial(_of_enterprise, session, enterprises[0], urgent=urgent) if len(enterprises) == 1 else None
    if alone is not None and refusals.holds(EDGE_LINK_STATUS):
        return await alone()
    try:
        return await session.rows(EDGE_LINK_STATUS, {"enterprises": list(enterprises)}, read_links, urgent=urgent)
    except OrchestratorError as error:
        if alone is None or not refuses(error):
            raise
        refusal = error
    try:
        rows = await alone()
    except OrchestratorError as error:
        raise refusal if refuses(error) else error from refusal
    refusals.note(EDGE_LINK_STATUS, refusal)
    return rows


async def _of_enterprise(session: VcoSession, enterprise: int, *, urgent: bool) -> Sequence[LinkRow]:
    items = await session.list(ENTERPRISE_EDGES, {"enterpriseId": enterprise, "with": ["links"]}, urgent=urgent)
    rows = [row for edge in items if isinstance(edge, dict) for row in status_items(edge, str(enterprise))]
    return session.counted(ENTERPRISE_EDGES, link_rows(rows))


def status_items(edge: Mapping[object, object], enterprise: str) -> list[dict[str, object]]:
    """An edge with its links, as edge/getEdge and enterprise/getEnterpriseEdges tell it, as rows of
    monitoring/getEnterpriseEdgeLinkStatus, so that both are understood by the same rules. Pure. An edge without links
    is one row."""
    about = {
        "enterpriseId": enterprise,
        "edgeId": edge.get("id"),
        "edgeName": edge.get("name"),
        "edgeState": edge.get("edgeState"),
        "edgeLastContact": edge.get("lastContact"),
        "edgeSerialNumber": edge.get("serialNumber"),
        "edgeHASerialNumber": edge.get("haSerialNumber"),
    }
    links = edge.get("links")
    rows = [
        {
            **about,
            "linkId": link.get("id"),
            "internalId": link.get("internalId"),
            "interface": link.get("interface"),
            "linkState": link.get("state"),
            "linkLastActive": link.get("lastActive"),
            "linkMode": link.get("linkMode"),
            "linkBackupState": link.get("backupState"),
        }
        for link in (links if isinstance(links, list) else ())
        if isinstance(link, dict)
    ]
    return rows or [about]
