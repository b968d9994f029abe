"""`python -m service.simulator.meraki` runs by itself, with an inventory of its fleet."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from service.simulator.meraki.__main__ import KEY, draw_happenings
from service.simulator.meraki.fleet import draw_organizations

ROOT = Path(__file__).parents[3]


@pytest.mark.rim
@pytest.mark.slow
def test_it_answers_and_writes_its_inventory(tmp_path: Path):
    file = tmp_path / "inventory.yaml"
    command = [sys.executable, "-m", "service.simulator.meraki", "--networks", "4", "2", "--inventory", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            request = urllib.request.Request(
                f"{told['url']}/api/v1/organizations", headers={"Authorization": f"Bearer {KEY}"}
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert [one["id"] for one in json.load(answer)] == told["organizations"]
        finally:
            process.terminate()
            process.wait(timeout=10)
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert len(written["devices"]) == told["networks"] == 6
    assert {device["orchestrator"]["enterprise_id"] for device in written["devices"]} == set(told["organizations"])


def test_the_share_of_networks_in_trouble_is_as_asked():
    organizations = draw_organizations(1, [400])
    found = draw_happenings(1, organizations, 0.0, 0.25)
    assert 70 <= len(found.outages) + len(found.faults) <= 130
    none = draw_happenings(1, organizations, 0.0, 0.0)
    assert not none.outages
    assert not none.faults
