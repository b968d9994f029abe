"""A suspected trouble is measured more often until its second look. Pure: who asks the collector for what."""

from __future__ import annotations

from collector.snmp.schedule import CLOSE_LOOK_EVERY
from collector.snmp.wishes import PollWish
from inventory.model import Inventory
from triage.cases import Decision, TimerKind


def closer_looks(decision: Decision, inventory: Inventory) -> list[PollWish]:
    """Faster polling of the devices at the site of a case in quarantine, for as long as that lasts.

    The collector alone owns quotas and data budgets: over metered lines it polls no faster than they allow, and what it
    does not poll at all it passes over.
    """
    case = decision.case
    second_look = next((timer for timer in decision.timers if timer.kind is TimerKind.QUARANTINE), None)
    if case is None or second_look is None or case.site not in inventory.sites:
        return []
    return [
        PollWish(device=device.id, every=CLOSE_LOOK_EVERY, until=second_look.due_at, reason=case.id)
        for device in inventory.devices_at(case.site)
    ]
