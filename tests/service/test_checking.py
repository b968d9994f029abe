"""What inventory and settings do not share is said before anything is polled."""

from __future__ import annotations

from collector.settings import CollectorSettings
from inventory.model import Device, DeviceRole, Inventory, LifeCycle, OrchestratorIdentity, SnmpAccess
from service.checking import mismatches

SETTINGS = CollectorSettings.model_validate(
    {
        "snmp": {"credentials": {"stores": {"community": "public"}}},
        "orchestrators": {"vco-east": {"url": "https://vco.example.net", "token": "t"}},
    }
)


def device(credential: str, orchestrator: str, life_cycle: LifeCycle = LifeCycle.LIVE) -> Inventory:
    identity = OrchestratorIdentity(name=orchestrator, enterprise_id=1, edge_id=2)
    one = Device(
        id="edge-1", site="s", role=DeviceRole.SDWAN_EDGE, snmp=SnmpAccess(credential=credential),
        orchestrator=identity, life_cycle=life_cycle,
    )  # fmt: skip
    return Inventory.of(devices=[one])


def test_names_that_both_have_are_no_mismatch():
    assert list(mismatches(device("stores", "vco-east"), SETTINGS)) == []


def test_each_missing_name_is_a_sentence():
    said = list(mismatches(device("shops", "vco-west"), SETTINGS))
    assert len(said) == 3
    assert "'shops'" in said[0]
    assert "'vco-west'" in said[1]
    assert "'vco-east'" in said[2]


def test_a_retired_device_needs_nothing():
    said = list(mismatches(device("shops", "vco-east", LifeCycle.RETIRED), SETTINGS))
    assert [sentence for sentence in said if "edge-1" in sentence] == []
