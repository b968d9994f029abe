"""Packs at rest: whole or absent, one or many at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import LineproofError
from triage.evidence import EvidencePack
from triage.evidence_folder import MANY, EvidenceFolder

pytestmark = pytest.mark.rim


def packs(count: int) -> list[EvidencePack]:
    return [EvidencePack.of({"number": number}) for number in range(count)]


@pytest.mark.parametrize("count", [1, MANY - 1, MANY, 3 * MANY])
def test_what_is_put_is_read_again_and_nothing_else_lies_there(tmp_path: Path, count: int):
    folder, some = EvidenceFolder(tmp_path), packs(count)
    folder.put_all([*some, *some])
    folder.put_all(some)
    assert [folder.get(pack.sha256).content for pack in some] == [pack.content for pack in some]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == count


@pytest.mark.parametrize("count", [3, 3 * MANY])
def test_a_pack_that_cannot_be_written_is_told_of_and_leaves_no_parts(tmp_path: Path, count: int):
    """A file stands where the last pack's folder would be."""
    folder, some = EvidenceFolder(tmp_path), packs(count)
    (tmp_path / some[-1].sha256[:2]).write_text("in the way")
    mine = [pack for pack in some if pack.sha256[:2] != some[-1].sha256[:2]]
    with pytest.raises(LineproofError, match="cannot be written") as told:
        folder.put_all([*mine, some[-1]])
    assert told.value.retryable
    assert list(tmp_path.rglob("*.tmp")) == []
