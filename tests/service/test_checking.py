"""What inventory and settings do not share is said before anything is polled."""

from __future__ import annotations

from collector.settings import CollectorSettings
from inventory.model import (
    CommandLineAccess,
    Device,
    DeviceRole,
    Inventory,
    LifeCycle,
    Link,
    OrchestratorIdentity,
    SnmpAccess,
)
from service.checking import mail_mismatches, mismatches
from triage.mail.settings import CarrierMailSettings

SETTINGS = CollectorSettings.model_validate(
    {
        "snmp": {"credentials": {"stores": {"community": "public"}}},
        "orchestrators": {"vco-east": {"url": "https://vco.example.net", "token": "env:HOME"}},
    }
)

PLATFORMS = ("cisco_ios", "linux")


def device(credential: str, orchestrator: str, life_cycle: LifeCycle = LifeCycle.LIVE) -> Inventory:
    identity = OrchestratorIdentity(name=orchestrator, enterprise_id="1", edge_id="2")
    one = Device(
        id="edge-1", site="s", role=DeviceRole.SDWAN_EDGE, snmp=SnmpAccess(credential=credential),
        orchestrator=identity, life_cycle=life_cycle,
    )  # fmt: skip
    return Inventory.of(devices=[one])


def test_names_that_both_have_are_no_mismatch():
    assert list(mismatches(device("stores", "vco-east"), SETTINGS, PLATFORMS)) == []


def test_each_missing_name_is_a_sentence():
    said = list(mismatches(device("shops", "vco-west"), SETTINGS, PLATFORMS))
    assert len(said) == 3
    assert "'shops'" in said[0]
    assert "'vco-west'" in said[1]
    assert "'vco-east'" in said[2]


def test_a_retired_device_needs_nothing():
    said = list(mismatches(device("shops", "vco-east", LifeCycle.RETIRED), SETTINGS, PLATFORMS))
    assert [sentence for sentence in said if "edge-1" in sentence] == []


def test_a_platform_that_netmiko_does_not_know_is_named():
    def said(platform: str) -> list[str]:
        access = CommandLineAccess(credential="cli", platform=platform)
        router = Device(id="router-1", site="s", role=DeviceRole.ROUTER, command_line=access)
        found = mismatches(Inventory.of(devices=[router]), SETTINGS, PLATFORMS)
        return [sentence for sentence in found if "router-1" in sentence]

    assert said("cisco_ios") == []
    assert "'cisco_iso'" in said("cisco_iso")[0]


def quota(calls_per_hour: int, *names: str) -> CollectorSettings:
    one = {"url": "https://vco.example.net", "token": "env:HOME", "calls_per_hour": calls_per_hour}
    return CollectorSettings.model_validate({"orchestrators": dict.fromkeys(names, one)})


def test_a_plan_that_its_quota_does_not_bear_is_a_fault_of_the_settings():
    # States each minute alone are 60 calls an hour.
    known = device("stores", "vco-east")
    assert [
        said for said in mismatches(known, quota(200, "vco-east"), PLATFORMS) if "quota" in said or "asked" in said
    ] == []
    said = [said for said in mismatches(known, quota(60, "vco-east"), PLATFORMS) if "may be asked" in said]
    assert len(said) == 1
    assert said[0].startswith("orchestrator vco-east needs ")
    assert "60 calls an hour" in said[0]


def test_accounts_at_one_host_are_counted_together():
    known = device("stores", "vco-east")
    said = [said for said in mismatches(known, quota(170, "vco-east", "vco-west"), PLATFORMS) if "may be asked" in said]
    assert [sentence.split(" needs ")[0] for sentence in said] == [
        "orchestrator vco-east together with vco-west",
        "orchestrator vco-west together with vco-east",
    ]


def test_a_carrier_that_no_line_has_and_a_format_that_nobody_reads_are_named():
    def said(carrier: str, kind: str) -> list[str]:
        line = Link(id="w", site="s", carrier="Reseller", underlying_carrier="Meridian Fiber")
        mail = CarrierMailSettings(carrier=carrier, senders=("noc@meridian.example",), format=kind)
        return list(mail_mismatches(Inventory.of(links=[line]), [mail], ("lumen", "zayo")))

    assert said("meridian fiber", "generic") == said("Reseller", "zayo") == []
    (unknown,) = said("Meridian", "lumen")
    assert "'Meridian', which no line has" in unknown
    (unread,) = said("Reseller", "bcop")
    assert "generic, or one of lumen, zayo" in unread
