"""`python -m service.simulator.vco` serves a fleet of the size asked for, and its inventory names the same ids."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inventory.importing import read_inventory
from inventory.model import Inventory
from service.simulator.vco.big_fleet import draw_big_fleet

pytestmark = [pytest.mark.rim, pytest.mark.slow]

EDGES, LINKS = 130, 333
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What the process prints when it listens."""
    inventory = tmp_path_factory.mktemp("alone") / "inventory.yaml"
    options = ("--edges", EDGES, "--links", LINKS, "--seed", 4, "--faulty", 0.1, "--inventory", inventory)
    command = (sys.executable, "-m", "service.simulator.vco", *map(str, options), "--token-from-env", "VCO_TOKEN")
    environment = {"VCO_TOKEN": "of-this-test"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()


def call(told: Any, method: str, token: str = "of-this-test") -> Any:
    request = urllib.request.Request(
        f"{told['url']}/portal/rest/{method}", data=b"{}", headers={"Authorization": f"Token {token}"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def links_of(inventory: Inventory) -> dict[str | None, tuple[str, str, str | None]]:
    """Enterprise, edge and interface by the orchestrator's id of a link."""
    found = {}
    for link in inventory.links.values():
        identity = inventory.devices[link.device or ""].orchestrator
        assert identity is not None
        found[link.orchestrator_link] = (identity.enterprise_id, identity.edge_id, link.interface)
    return found


def test_the_fleet_and_its_inventory_name_the_same_links(started: Any) -> None:
    inventory = read_inventory(Path(started["inventory"]))
    rows = call(started, "monitoring/getEnterpriseEdgeLinkStatus")
    told = {row["internalId"]: (str(row["enterpriseId"]), str(row["edgeId"]), row["interface"]) for row in rows}
    assert len(told) == len(rows) == started["links"] == LINKS
    assert told == links_of(inventory)
    assert started["edges"] == len(inventory.devices) == EDGES


def test_only_the_token_from_the_environment_is_accepted(started: Any) -> None:
    answer = call(started, "monitoring/getEnterpriseEdgeLinkStatus", "simulated-token")
    assert answer["error"]["code"] == -32000


def test_the_same_seed_draws_the_same_fleet(started: Any) -> None:
    drawn = draw_big_fleet(4, EDGES, LINKS, "vco-simulated").inventory()
    assert read_inventory(Path(started["inventory"])).links == drawn.links
    assert drawn.links != draw_big_fleet(5, EDGES, LINKS, "vco-simulated").inventory().links


@pytest.mark.parametrize(("edges", "links"), [(10, 9), (10, 61)])
def test_a_fleet_has_one_to_six_links_an_edge(edges: int, links: int) -> None:
    with pytest.raises(ValueError, match="10 to 60"):
        draw_big_fleet(1, edges, links, "vco")
