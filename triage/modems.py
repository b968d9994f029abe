"""Restarting the modem of a cellular line that is down, before anybody is sent there. Pure.

A provider's rule: once for each line as soon as its outage has a ticket; if that was no help within half an hour, the
ticket goes to those who repair wireless equipment. Another line of the same case has its own restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from inventory.model import Device, DeviceRole, Link
from triage.byob import is_clients_own
from triage.cases import Case, Context, Effect, EffectKind, Reboot
from triage.model import Cause


def modem_of(link: Link, devices: Iterable[Device]) -> Device | None:
    """The line's own device where that is a modem, or else the site's only one. `devices` are the site's."""
    modems = [one for one in devices if one.role is DeviceRole.MODEM]
    own = [one for one in modems if one.id == link.device]
    found = own or modems
    return found[0] if len(found) == 1 else None


def has_modem(link: Link, devices: Sequence[Device], prefixes: Sequence[str]) -> bool:
    """Whether a cellular line has a modem that can be told to restart: the inventory knows one, or the hardware address
    by which the orchestrator or the inventory calls it begins as those of a known maker do."""
    if link.access is None or not link.access.wireless:
        return False
    if modem_of(link, devices) is not None:
        return True
    serials = (serial for one in devices if one.id == link.device for serial in one.serials)
    names = [link.orchestrator_link or "", *serials]
    return any(_plain(name).startswith(_plain(prefix)) for name in names for prefix in prefixes)


def restarted(case: Case) -> datetime | None:
    """When the modem of the case's line was told to restart, if it is this line that is down."""
    if case.cause is not Cause.LINK_DOWN:
        return None
    return next((one.at for one in case.reboots if one.link == case.link), None)


def with_restart(case: Case, context: Context) -> tuple[Case, tuple[Effect, ...]]:
    """The case, and the restart that its line has not had yet."""
    link = context.line_of(case)
    if link is None or case.cause is not Cause.LINK_DOWN or restarted(case) is not None:
        return case, ()
    if case.owner or is_clients_own(case, context.links):
        return case, ()
    if not has_modem(link, context.devices, context.rules.modem_prefixes):
        return case, ()
    effect = Effect(
        key=f"{case.id}:reboot:{case.reopened}:{link.id}",
        kind=EffectKind.REBOOT_MODEM,
        case=case.id,
        ticket=case.ticket,
        link=link.id,
        text=f"The modem of {link.id} is told to restart, as the line is down.",
    )
    return replace(case, reboots=(*case.reboots, Reboot(link=link.id, at=context.now))), (effect,)


def _plain(address: str) -> str:
    """A hardware address without what separates its octets."""
    return "".join(letter for letter in address.lower() if letter not in ":-. ")
