"""What accesses and reasons are called in a report; measurements and causes are named in `triage/words.py`."""

from __future__ import annotations

from collections.abc import Mapping

ACCESS_WORDS: Mapping[str, str] = {
    "dia": "dedicated internet",
    "broadband": "broadband",
    "dsl": "DSL",
    "lte": "LTE",
    "5g": "5G",
    "mpls": "MPLS",
    "satellite": "satellite",
}

UNFIT_WORDS: Mapping[str, str] = {
    "down": "it is down itself",
    "degraded": "it is degraded itself",
    "no_data": "nothing was measured on it lately",
    "no_headroom": "it has not enough room for the traffic",
    "capacity_unknown": "its capacity is not known",
    "shared_fate": "it shares its last mile with the line in trouble",
    "data_cap": "its data allowance would not last",
    "consent_needed": "its owner has to agree first",
    "not_live": "it is not in service",
    "nothing_to_relieve": "there is no traffic to move",
}
"""Every `triage.model.UnfitReason`."""


def action_words(action: str) -> str:
    """An action as the policy names it, readable: "steer_all" -> "steer all"."""
    return action.replace("_", " ")
