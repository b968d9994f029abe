"""The timers whose rule looks at the case alone, without judging the site anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from triage.carrier_leg import on_carrier_update
from triage.cases import Case, Context, Decision, TimerKind

RULES: Mapping[TimerKind, Callable[[Case, Context], Decision]] = {
    TimerKind.CARRIER_UPDATE: on_carrier_update,
}
