"""The manifest: what it says comes back, and what it cannot say is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from collector.store.manifest import Change, Kind, Manifest, Part, Quarantined, Rolled, read_manifest, write_manifest
from collector.store.port import StoreError
from collector.store.retention import Retention, expired, expiry, forgotten

pytestmark = pytest.mark.rim


def part(kind: Kind = Kind.SAMPLES, day: int = 20_000, last: int = 5, days: int = 1) -> Part:
    return Part(
        kind=kind,
        day=day,
        first=last,
        last=last,
        slice=0,
        rows=3,
        size=100,
        sha256="ab" * 32,
        start=day * 86_400_000,
        end=day * 86_400_000 + 1,
        first_key="store-1 wan1",
        last_key="büro-2",
        fields=("rtt_ms", "samples"),
        days=days,
        plain=True,
    )


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest(
        position=77,
        parts=(part(), part(Kind.HOURS, days=31)),
        rolled={20_000: Rolled(70, 1_700_000, final=True), 20_001: Rolled(71, 1_800_000)},
        quarantined=(Quarantined(part(Kind.FACTS), "is missing", 9),),
        upkeep_at=123,
        held_until=456,
        scrubbed="samples-x",
    )
    write_manifest(tmp_path / "manifest.json", manifest)
    assert read_manifest(tmp_path / "manifest.json") == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_an_older_format_is_refused_with_the_way_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "position": 5, "parts": []}))
    with pytest.raises(
        StoreError, match=r"has format 1; this version reads 2: .*version of Lineproof that wrote it \(`lineproof store"
    ):
        read_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize("content", ["", "[]", "null", '{"format": null}', '{"format": 2, "position": 1}'])
def test_a_damaged_manifest_is_one_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(StoreError, match=r"manifest\.json is damaged .*; restore it from a copy"):
        read_manifest(tmp_path / "manifest.json")


def test_a_day_is_rolled_up_only_as_long_as_nothing_came_after() -> None:
    rolled = {20_000: Rolled(5, 0)}
    assert Manifest(9, (part(last=5),), rolled).is_rolled(20_000)
    assert not Manifest(9, (part(last=5), part(last=6)), rolled).is_rolled(20_000)
    assert Manifest(9, (part(last=6),), {20_000: Rolled(5, 0, final=True)}).is_rolled(20_000)
    assert Manifest(9, (part(last=6, day=20_001),), rolled).is_rolled(20_000)
    assert Manifest(9, (part(Kind.FACTS, last=6),), rolled).is_rolled(20_000)
    assert not Manifest(9, (part(last=5),)).is_rolled(20_000)


def test_a_change_puts_parts_in_the_place_of_others_of_the_same_name_and_kind() -> None:
    old, other, fact = part(last=1), part(last=2), part(Kind.FACTS, last=1)
    manifest = Manifest(9, (old, fact, other), {1: Rolled(2, 3)})
    changed = Change([old], [part(last=3)], {20_000: Rolled(9, 9)}).of(manifest)
    assert changed.parts == (fact, other, part(last=3))
    assert changed.rolled == {1: Rolled(2, 3), 20_000: Rolled(9, 9)}
    assert changed.position == 9


DAY_MS = 86_400_000
RETENTION = Retention(raw_days=10, rollup_days=100)


def test_a_day_is_kept_in_full_for_its_days_after_it_has_ended() -> None:
    assert not RETENTION.is_over(part(), (20_000 + 1 + 10) * DAY_MS - 1)
    assert RETENTION.is_over(part(), (20_000 + 1 + 10) * DAY_MS)
    assert not RETENTION.is_over(part(Kind.DAYS, days=31), (20_000 + 31 + 100) * DAY_MS - 1)
    assert RETENTION.is_over(part(Kind.DAYS, days=31), (20_000 + 31 + 100) * DAY_MS)
    assert RETENTION.is_over(part(Kind.FACTS), (20_000 + 1 + 10) * DAY_MS)


def test_samples_wait_for_their_roll_ups_before_they_expire() -> None:
    late = (20_000 + 11) * DAY_MS
    waiting = Manifest(9, (part(last=5), part(Kind.FACTS)))
    assert expired(waiting, RETENTION, late) == [part(Kind.FACTS)]
    rolled = replace(waiting, rolled={20_000: Rolled(5, 0)})
    assert expired(rolled, RETENTION, late) == [part(last=5), part(Kind.FACTS)]
    assert expired(replace(waiting, rolled={20_000: Rolled(4, 0)}), RETENTION, late) == [part(Kind.FACTS)]
    assert expired(waiting, RETENTION, (20_000 + 101) * DAY_MS) == [part(last=5), part(Kind.FACTS)]


def test_once_its_samples_have_expired_a_days_roll_up_is_final() -> None:
    manifest = Manifest(9, (part(last=5),), {20_000: Rolled(5, 7), 20_001: Rolled(5, 7)})
    changed = expiry(manifest, [part(last=5)]).of(manifest)
    assert changed.parts == ()
    assert changed.rolled == {20_000: Rolled(5, 7, final=True), 20_001: Rolled(5, 7)}


def test_nothing_is_said_any_more_of_what_is_over() -> None:
    aside = Quarantined(part(), "is missing", 9)
    manifest = Manifest(9, (), {20_000: Rolled(5, 7)}, (aside,))
    assert forgotten(manifest, RETENTION, (20_000 + 11) * DAY_MS - 1) == manifest
    assert forgotten(manifest, RETENTION, (20_000 + 11) * DAY_MS).quarantined == ()
    assert forgotten(manifest, RETENTION, (20_000 + 101) * DAY_MS - 1).rolled == manifest.rolled
    assert forgotten(manifest, RETENTION, (20_000 + 101) * DAY_MS).rolled == {}
