"""The gateways of a VCO, as facts about the host's own parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.model import Fact, FactKind, Source
from collector.orchestrator.record import Record, Rows, read_rows
from collector.orchestrator.velocloud.calls import NETWORK_GATEWAYS
from collector.orchestrator.velocloud.rights import Refusals
from collector.orchestrator.velocloud.session import VcoSession
from config.clock import rfc3339

GATEWAY_STATES = {
    "CONNECTED": "ok",
    "DEGRADED": "degraded",
    "QUIESCED": "degraded",
    "OUT_OF_SERVICE": "down",
    "OFFLINE": "down",
}
"""The vendor's `gatewayState`. A quiesced gateway serves its edges and takes no new ones. One that was never activated
or was disabled serves nobody, on purpose: `unknown`."""
SERVING = frozenset({"IN_SERVICE", None})


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRow:
    """A gateway as network/getNetworkGateways lists it."""

    id: str
    name: str | None
    state: str | None
    service: str | None
    last_contact: datetime | None
    edges: int | None


async def read_gateways(session: VcoSession, refusals: Refusals, now: datetime) -> Sequence[Fact]:
    """PART_STATE of every gateway that the account sees; none where it has no right to see any."""
    items = await refusals.unless_refused(NETWORK_GATEWAYS, lambda: session.list(NETWORK_GATEWAYS, {}))
    if items is None:
        return ()
    return gateway_facts(session.counted(NETWORK_GATEWAYS, gateway_rows(items)), session.name, now)


def gateway_rows(items: Sequence[object]) -> Rows[GatewayRow]:
    def read(record: Record) -> tuple[GatewayRow | None, int]:
        gateway = record.identifier("id")
        if gateway is None:
            return None, 1
        row = GatewayRow(
            id=gateway,
            name=record.text("name"),
            state=record.text("gatewayState"),
            service=record.text("serviceState"),
            last_contact=record.moment("lastContact"),
            edges=record.whole("connectedEdges"),
        )
        return row, 0

    return read_rows(items, read)


def gateway_facts(rows: Sequence[GatewayRow], orchestrator: str, now: datetime) -> list[Fact]:
    """A gateway's state. Pure. OFFLINE is lost contact with the orchestrator, which the detail says with the vendor's
    word; a name borne twice is told apart by the gateway's id."""
    names = Counter(row.name for row in rows)
    facts = []
    for row in rows:
        name = row.name if row.name and names[row.name] == 1 else f"{row.name or 'gateway'} {row.id}"
        state = GATEWAY_STATES.get(row.state or "", "unknown")
        if state == "ok" and row.service not in SERVING:
            state = "degraded"
        said = [row.state or "no state"]
        said += [row.service] if row.service is not None and row.service not in SERVING else []
        said += [f"last contact {rfc3339(row.last_contact)}" if row.last_contact else "last contact unknown"]
        said += [f"{row.edges} edges" if row.edges is not None else "edges not told"]
        subject = f"{orchestrator}/{name}"
        facts.append(Fact(now, subject, FactKind.PART_STATE, state, Source.ORCHESTRATOR, now, "; ".join(said)))
    return facts
