"""The port to an actuator: whatever can carry out a re-route plan, or reboot a modem."""

from __future__ import annotations

from typing import Protocol

from config.errors import LineproofError
from inventory.model import Device, Link
from triage.actuator.plan import ReroutePlan


class ActuatorError(LineproofError):
    """A device refused or did not answer. `retryable` is False where a human must look first."""


class Actuator(Protocol):
    async def apply(self, plan: ReroutePlan) -> str:
        """Carry the plan out; returns what was done in one sentence. Raises ActuatorError."""

    async def revert(self, plan: ReroutePlan) -> str:
        """Take the plan back. Raises ActuatorError."""

    async def reboot_modem(self, link: Link, modem: Device | None) -> str:
        """Reboot the modem of a line; None where the inventory knows none. Raises ActuatorError."""
