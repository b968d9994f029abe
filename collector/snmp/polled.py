"""Which devices are polled, and which of their links. Pure."""

from __future__ import annotations

from inventory.model import Device, Inventory, LifeCycle, Link, Tool


def polled_devices(inventory: Inventory) -> tuple[Device, ...]:
    """Live devices under a monitoring obligation that have SNMP access, and not tools that leave SNMP out."""
    return tuple(
        device
        for device in inventory.devices.values()
        if device.snmp is not None
        and device.life_cycle is LifeCycle.LIVE
        and device.monitoring.subscribed
        and (not device.monitoring.tools or Tool.SNMP in device.monitoring.tools)
    )


def polled_links(inventory: Inventory, device: Device) -> tuple[Link, ...]:
    """The watched links of a device whose interface is known."""
    return tuple(
        link
        for link in inventory.links_at(device.site)
        if link.device == device.id
        and link.interface
        and link.watched
        and (not link.monitoring.tools or Tool.SNMP in link.monitoring.tools)
    )
