"""Which devices are polled, and which of their links. Pure."""

from __future__ import annotations

from inventory.model import Device, Inventory, LifeCycle, Link, Tool


def obliged(device: Device) -> bool:
    """Live devices under a monitoring obligation that leaves SNMP in; their traps are heard even where no access is."""
    return (
        device.life_cycle is LifeCycle.LIVE
        and device.monitoring.subscribed
        and (not device.monitoring.tools or Tool.SNMP in device.monitoring.tools)
    )


def obliged_links(inventory: Inventory, device: Device) -> tuple[Link, ...]:
    """The watched links that end at a device."""
    return tuple(
        link
        for link in inventory.links_at(device.site)
        if link.device == device.id
        and link.watched
        and (not link.monitoring.tools or Tool.SNMP in link.monitoring.tools)
    )


def polled_devices(inventory: Inventory) -> tuple[Device, ...]:
    """The obliged devices that have SNMP access."""
    return tuple(device for device in inventory.devices.values() if device.snmp is not None and obliged(device))


def polled_links(inventory: Inventory, device: Device) -> tuple[Link, ...]:
    """The watched links of a device whose interface is known."""
    return tuple(link for link in obliged_links(inventory, device) if link.interface)
