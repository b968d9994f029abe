"""What the sweep makes of what sources said: of whom it is enough for a look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from collector.model import FactKind
from collector.store.hot_facts import HotFacts, Run
from inventory.model import Inventory
from triage.detection import changes, device
from triage.detection.contact import FEWEST, LOST
from triage.detection.event import MINUTE
from triage.detection.facts import DISCONNECTED, UNKNOWN
from triage.policy import Policy
from triage.sweep_minutes import line_policy

KINDS = (*LOST, FactKind.LINK_STATE, FactKind.EVENT, FactKind.REBOOT)
MOMENTS = (FactKind.EVENT, FactKind.REBOOT)
"""Kinds that tell of a moment; the others tell of a state that holds until another word."""
_CHANGES = frozenset().union(*changes.TOLD.values())
_OF_DEVICES = frozenset().union(*device.TOLD.values())


def notable(kind: FactKind, value: str) -> bool:
    """Whether a word can make somebody worth a look: whoever never said such a one is not gone through at all."""
    match kind:
        case FactKind.REBOOT:
            return True
        case FactKind.EVENT:
            return value in _CHANGES or value in _OF_DEVICES
        case FactKind.LINK_STATE:
            return value == DISCONNECTED
        case _:
            return value == LOST.get(kind)


def policy_at(inventory: Inventory, policy: Policy, subject: str) -> Policy:
    """What holds for a line, or for the site of a device; whatever else a subject is, what holds in general."""
    one = inventory.devices.get(subject)
    if one is not None:
        return policy.of(None, inventory.sites[one.site].client, one.site)
    line = inventory.links.get(subject)
    if line is None:
        return policy
    client = inventory.sites[line.site].client
    return line_policy(policy.of(line, client), policy.of(None, client, line.site))


def said_to_ail(facts: HotFacts, policy_of: Callable[[str], Policy], now_ms: int) -> set[str]:
    """Links and devices of which a source says, or said until lately, that they are down, out of contact, or without
    their standby; links whose state changed as often as their policy calls flapping; devices that restarted lately, or
    said that they fail."""
    return {subject for (subject, kind, _), runs in facts.told() if _deserves(kind, runs, policy_of(subject), now_ms)}


def _deserves(kind: FactKind, runs: Sequence[Run], policy: Policy, now_ms: int) -> bool:
    recovered, join = policy.claims.recovered_after_minutes, policy.windows.join_minutes
    lately = now_ms - int(recovered * MINUTE)
    changed = now_ms - int(max(recovered, policy.flapping.half_life_minutes) * MINUTE)
    match kind:
        case FactKind.REBOOT:
            return runs[-1].end >= lately
        case FactKind.EVENT:
            told = [run for run in runs if run.value in _CHANGES]
            flapping = len(told) >= policy.flapping.changes and told[-1].end >= changed
            return flapping or any(run.value in _OF_DEVICES and run.end >= lately for run in runs)
        case FactKind.LINK_STATE if _state_changes(runs, changed) >= policy.flapping.changes:
            return True
        case _:
            return _was_lost(kind, runs, lately, lately - int(join * MINUTE))


def _was_lost(kind: FactKind, runs: Sequence[Run], lately: int, silent: int) -> bool:
    """Whether it was so until lately. Not knowing ends it only when it has lasted, and so does silence."""
    value = DISCONNECTED if kind is FactKind.LINK_STATE else LOST.get(kind)
    enough = FEWEST.get(kind, 1)
    for place, run in enumerate(runs):
        over = any(later.begin <= (silent if later.value == UNKNOWN else lately) for later in runs[place + 1 :])
        if run.value == value and run.end >= silent and not over and (enough < 2 or run.repeated):
            return True
    return False


def _state_changes(runs: Sequence[Run], lately: int) -> int:
    """Changes between up and down as facts tell them, when the newest is recent; else none."""
    if len(runs) < 2 or runs[-1].begin < lately:
        return 0
    states = [changes.UP[run.value] for run in runs if run.value in changes.UP]
    return sum(before is not after for before, after in pairwise(states))
