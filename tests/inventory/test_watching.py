"""What each tool sees of a line, and what nobody sees."""

from dataclasses import replace

import pytest

from inventory.model import (
    Device,
    DeviceRole,
    LifeCycle,
    Link,
    LinkRole,
    Monitoring,
    OrchestratorIdentity,
    SnmpAccess,
    Tool,
)
from inventory.watching import watching

EDGE = Device(
    id="e",
    site="s",
    role=DeviceRole.SDWAN_EDGE,
    management_address="192.0.2.1",
    snmp=SnmpAccess(credential="stores"),
    orchestrator=OrchestratorIdentity(name="vco", enterprise_id="1", edge_id="2"),
)
LINK = Link(id="w", site="s", device="e", interface="GE1", probe_target="icmp://192.0.2.9")


def test_all_three_tools_together_leave_nothing_unseen() -> None:
    watched = watching(LINK, EDGE)
    assert [view.tool for view in watched.views] == [Tool.SNMP, Tool.ORCHESTRATOR, Tool.PROBE]
    assert (watched.reason, watched.unseen) == (None, ())


def test_a_port_that_is_up_over_snmp_leaves_the_line_behind_it_unseen() -> None:
    watched = watching(replace(LINK, probe_target=None), replace(EDGE, orchestrator=None))
    assert watched.unseen == ("line state", "latency", "jitter", "loss")


def test_a_probe_alone_sees_neither_traffic_nor_errors() -> None:
    watched = watching(replace(LINK, device=None, interface=None), None)
    assert [view.tool for view in watched.views] == [Tool.PROBE]
    assert watched.unseen == ("traffic", "errors")


def test_a_tool_that_is_not_promised_does_not_count_as_watching() -> None:
    watched = watching(replace(LINK, monitoring=Monitoring(tools=(Tool.SNMP,))), EDGE)
    assert [view.tool for view in watched.views] == [Tool.SNMP]
    assert "loss" in watched.unseen


@pytest.mark.parametrize(
    ("tool", "link", "device", "lacks"),
    [
        (Tool.PROBE, replace(LINK, probe_target=None), EDGE, "no probe target"),
        (Tool.SNMP, LINK, replace(EDGE, snmp=None), "no SNMP access to its device"),
        (Tool.SNMP, replace(LINK, interface=None), EDGE, "no interface"),
        (Tool.SNMP, LINK, None, "no device"),
        (Tool.SNMP, LINK, replace(EDGE, life_cycle=LifeCycle.SUSPENDED), "its device e is not watched"),
        (
            Tool.ORCHESTRATOR,
            LINK,
            replace(EDGE, monitoring=Monitoring(subscribed=False)),
            "its device e is not watched",
        ),
        (Tool.ORCHESTRATOR, LINK, replace(EDGE, orchestrator=None), "no orchestrator identity of its device"),
        (Tool.ORCHESTRATOR, replace(LINK, role=LinkRole.LAN), EDGE, "an orchestrator sees WAN lines only"),
        (
            Tool.ORCHESTRATOR,
            replace(LINK, interface=None),
            EDGE,
            "neither orchestrator_link nor interface",
        ),
    ],
)
def test_a_promised_tool_that_cannot_see_says_what_it_lacks(
    tool: Tool, link: Link, device: Device | None, lacks: str
) -> None:
    (view,) = watching(replace(link, monitoring=Monitoring(tools=(tool,))), device).views
    assert (view.sees, view.lacks) == ((), lacks)


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (replace(LINK, monitoring=Monitoring(subscribed=False)), "monitoring is not subscribed"),
        (replace(LINK, life_cycle=LifeCycle.ORDERED), "the line is ordered, not live"),
        (replace(LINK, life_cycle=LifeCycle.SUSPENDED), "the line is suspended, not live"),
    ],
)
def test_a_line_is_watched_only_while_live_and_subscribed(link: Link, reason: str) -> None:
    watched = watching(link, EDGE)
    assert (watched.reason, watched.views) == (reason, ())
    assert "loss" in watched.unseen
    assert not link.watched


def test_of_a_lan_port_only_the_port_itself_is_wanted() -> None:
    watched = watching(replace(LINK, role=LinkRole.LAN, probe_target=None), EDGE)
    assert ([view.tool for view in watched.views], watched.unseen) == ([Tool.SNMP], ())
