"""The timers whose rule looks at the case alone, without judging the site anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from triage.byob import on_reminder
from triage.carrier_leg import on_carrier_update
from triage.cases import Case, Context, Decision, TimerKind
from triage.handover import on_hand_over
from triage.life_cycle import on_client_update, on_close, on_pending

RULES: Mapping[TimerKind, Callable[[Case, Context], Decision]] = {
    TimerKind.HAND_OVER: on_hand_over,
    TimerKind.REMINDER: on_reminder,
    TimerKind.PENDING: on_pending,
    TimerKind.CLOSE: on_close,
    TimerKind.CLIENT_UPDATE: on_client_update,
    TimerKind.CARRIER_UPDATE: on_carrier_update,
}
