"""The calls that orchestrators' adapters make, by vendor, and how a host that lets everybody in answers a log-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import AnyHttpUrl, SecretStr

from collector.orchestrator.catalyst import calls as catalyst
from collector.orchestrator.meraki import calls as meraki
from collector.orchestrator.velocloud import calls as velocloud
from collector.orchestrator.velocloud import session as velocloud_session
from collector.settings import OrchestratorKind, OrchestratorSettings

Reading = Literal["states", "statistics", "events", "own_parts"]

READINGS: Mapping[OrchestratorKind, Mapping[str, Reading]] = {
    # HA states go with the states, gateways with the events, whatever clock their calls are counted on.
    OrchestratorKind.VELOCLOUD: {
        **velocloud.CLOCKS,
        velocloud.NETWORK_ENTERPRISES: "states",
        velocloud.ENTERPRISE_EDGES: "states",
        velocloud.NETWORK_GATEWAYS: "own_parts",
    },
    OrchestratorKind.CATALYST: catalyst.CLOCKS,
    OrchestratorKind.MERAKI: meraki.CLOCKS,
}
"""The reading that each call is part of."""
LOGINS: Mapping[str, OrchestratorKind] = {
    **dict.fromkeys(velocloud_session.LOGINS, OrchestratorKind.VELOCLOUD),
    "j_security_check": OrchestratorKind.CATALYST,
}
"""Log-ins. They are part of no reading: whatever is read next logs in anew."""
CALLS: Mapping[str, OrchestratorKind] = {
    **{call: kind for kind, calls in READINGS.items() for call in calls},
    **LOGINS,
}
"""Whose call it is; no two vendors share one."""
BASES: Mapping[OrchestratorKind, str] = {
    OrchestratorKind.VELOCLOUD: "/portal/rest/",
    OrchestratorKind.CATALYST: "/dataservice/",
    OrchestratorKind.MERAKI: "/api/v1/",
}
COOKIES: Mapping[str, str] = {
    "login/operatorLogin": "velocloud.session=played",
    "login/enterpriseLogin": "velocloud.session=played",
    "j_security_check": "JSESSIONID=played",
}
"""The session that a log-in gives where the scenario says nothing of it."""


def login_of(kind: OrchestratorKind, path: str) -> str | None:
    """The log-in at this path of a host, if it is one."""
    return next((call for call, whose in LOGINS.items() if whose is kind and path.endswith(f"/{call}")), None)


def reading_of(call: str) -> Reading:
    return READINGS[CALLS[call]][call]


def settings_of(kind: OrchestratorKind, url: str) -> OrchestratorSettings:
    """How a scenario's orchestrator is set up: what the vendor's limits are, and no past that is read at first."""
    key, played = SecretStr("played"), AnyHttpUrl(url)
    by_key = kind is OrchestratorKind.MERAKI
    return OrchestratorSettings(
        kind=kind, url=played, history_days=0,
        token=key if by_key else None, username=None if by_key else "replay", password=None if by_key else key,
    )  # fmt: skip
