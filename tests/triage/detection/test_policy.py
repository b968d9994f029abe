"""Statements about the policy file."""

from __future__ import annotations

import pytest

from config.errors import ConfigurationError
from inventory.model import Access
from triage.documents import policy_document
from triage.evidence import canonical_json
from triage.policy import DEFAULT_POLICY, load_policy, merged, policy_hash


def test_the_hash_is_of_what_the_policy_says_not_of_how_it_is_written(policy, tmp_path):
    rewritten = tmp_path / "policy.yaml"
    rewritten.write_bytes(canonical_json(policy_document(policy)))
    assert policy_hash(load_policy(rewritten)) == policy_hash(policy)
    assert policy_hash(policy).startswith("sha256:")


def test_a_changed_value_changes_the_hash(policy):
    assert policy_hash(merged(policy, {"loss": {"minimum_pct": 3.0}})) != policy_hash(policy)


def test_a_scenarios_policy_replaces_key_by_key(policy):
    changed = merged(policy, {"latency": {"minimum": 30}})
    assert (changed.latency.minimum, changed.latency.share) == (30.0, policy.latency.share)


def test_an_unknown_key_is_refused_by_name(policy, tmp_path):
    with pytest.raises(ConfigurationError) as raised:
        merged(policy, {"latency": {"minimun": 30}, "loss": {"minimum_pct": -1}}, "scenario 7")
    assert [fault.field for fault in raised.value.faults] == ["latency.minimun", "loss.minimum_pct"]
    file = tmp_path / "policy.yaml"
    file.write_text(DEFAULT_POLICY.read_text() + "\nlatencies: {}\n")
    with pytest.raises(ConfigurationError) as raised:
        load_policy(file)
    assert raised.value.faults[0].line == len(DEFAULT_POLICY.read_text().splitlines()) + 2


def test_every_key_of_the_shipped_policy_stands_in_the_file(policy):
    text = DEFAULT_POLICY.read_text()
    for section, keys in policy_document(policy).items():
        assert f"{section}:" in text
        assert all(f"{key}:" in text for key in (keys if isinstance(keys, dict) else ()))


@pytest.mark.parametrize(
    ("access", "loss"), [(Access.DIA, 8.0), (Access.LTE, 10.0), (Access.SATELLITE, 10.0), (None, 8.0)]
)
def test_wireless_access_has_wider_limits(policy, access, loss):
    assert policy.limits(access).loss_pct == loss
