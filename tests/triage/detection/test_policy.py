"""Statements about the policy file."""

from __future__ import annotations

import pytest

from config.errors import ConfigurationError
from inventory.model import Access, Link
from triage.evidence import canonical_json
from triage.policy import merged, policy_hash
from triage.policy_files import DEFAULT_POLICY, load_policy


def test_the_hash_is_of_what_the_policy_says_not_of_how_it_is_written(policy, tmp_path):
    rewritten = tmp_path / "policy.yaml"
    rewritten.write_bytes(canonical_json(policy.document))
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
    for section, keys in policy.document.items():
        assert f"{section}:" in text
        assert all(f"{key}:" in text for key in (keys if isinstance(keys, dict) else ()))


def line(**changes):
    return Link(**{"id": "wan1", "site": "store-1", "access": Access.DIA, **changes})


def override(name, where, **limits):
    return {"name": name, "where": where, "change": {"limits": limits}}


def test_a_file_of_ones_own_changes_only_what_it_names(policy, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(
        "latency: {minimum: 25}\noverrides:\n- {name: ours, where: {client: [acme]}, change: {bad_samples: 3}}\n"
    )
    own = load_policy(file)
    assert (own.latency.minimum, own.latency.share) == (25.0, policy.latency.share)
    assert (own.of(line(), "acme").bad_samples, own.of(line(), "else").bad_samples) == (3, policy.bad_samples)
    assert own.of(line(access=Access.LTE)).limits == policy.of(line(access=Access.LTE)).limits


def test_a_satellite_is_far_away_and_no_fault(policy):
    satellite, lte = (policy.of(line(access=access)).limits for access in (Access.SATELLITE, Access.LTE))
    assert satellite.latency_ms > 600 > lte.latency_ms
    assert satellite.loss_pct == lte.loss_pct


def test_of_two_overrides_the_more_special_one_holds_wherever_it_stands(policy):
    client = override("client", {"client": ["acme"]}, loss_pct=4.0, jitter_ms=20.0)
    link = override("line", {"link": ["wan1"]}, loss_pct=3.0)
    for order in ([client, link], [link, client]):
        limits = merged(policy, {"overrides": order}).of(line(access=Access.LTE), "acme").limits
        # The line's own loss, the client's jitter, the window of wireless lines.
        assert (limits.loss_pct, limits.jitter_ms, limits.window_minutes) == (3.0, 20.0, 90)


def test_an_override_by_kind_of_line_says_nothing_of_a_site(policy):
    both = [override("a", {"access": ["dia"]}, loss_pct=1.0), override("b", {"site": ["store-1"]}, jitter_ms=7.0)]
    site = merged(policy, {"overrides": both}).of(None, site="store-1")
    assert (site.limits.loss_pct, site.limits.jitter_ms) == (policy.limits.loss_pct, 7.0)


def test_every_key_of_where_must_hold(policy):
    own = merged(policy, {"overrides": [override("x", {"client": ["acme"], "access": ["dsl"]}, loss_pct=1.0)]})
    assert own.of(line(access=Access.DSL), "acme").limits.loss_pct == 1.0
    assert own.of(line(access=Access.DSL), "else").limits.loss_pct == policy.limits.loss_pct
    assert own.of(line(), "acme").limits.loss_pct == policy.limits.loss_pct


def test_a_faulty_override_is_named_with_its_line(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(
        "overrides:\n- name: x\n  where: {}\n  change: {latency: {minimun: 1}}\n- {name: x, where: {}, change: {}}\n"
    )
    with pytest.raises(ConfigurationError) as raised:
        load_policy(file)
    told = [(fault.line, fault.field.partition(".")[2]) for fault in raised.value.faults]
    assert told == [(4, "change.latency.minimun"), (5, "name")]


@pytest.mark.parametrize(
    ("access", "loss"), [(Access.DIA, 8.0), (Access.LTE, 10.0), (Access.SATELLITE, 10.0), (None, 8.0)]
)
def test_wireless_access_has_wider_limits(policy, access, loss):
    assert policy.of(line(access=access)).limits.loss_pct == loss
