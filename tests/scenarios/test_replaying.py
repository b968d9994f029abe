"""`lineproof replay PATH`: what a path may be, where the lines go, and what becomes of them when they are not as
expected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.errors import ConfigurationError
from service.replaying import replay_to
from triage.replay.expect import ExpectationError

SCENARIO = """\
scenario: 1
id: {name}
start: "2026-03-03T11:00:00Z"
until: "+00:01:00"
inventory: {{clients: [{{id: acme}}], sites: [{{id: store, client: acme}}], links: [{{id: wan1, site: store}}]}}
expect: [{{line: {kind}}}]
"""


def written(folder: Path, name: str, kind: str) -> Path:
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SCENARIO.format(name=path.stem, kind=kind))
    return path


async def test_a_folder_of_files_is_played_in_order_each_line_naming_its_file(tmp_path: Path, capsys):
    written(tmp_path, "b", "summary")
    written(tmp_path, "a/z", "summary")
    await replay_to(tmp_path, None, None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["file"], line["line"]) for line in lines] == [("a/z.yaml", "summary"), ("b.yaml", "summary")]


async def test_every_file_that_differs_is_told_and_the_lines_are_there_all_the_same(tmp_path: Path):
    for name, kind in (("a", "trouble"), ("b", "summary"), ("c", "ticket")):
        written(tmp_path / "files", name, kind)
    with pytest.raises(ExpectationError) as caught:
        await replay_to(tmp_path / "files", None, tmp_path / "lines.jsonl")
    said = str(caught.value).splitlines()
    assert ["a.yaml:6" in said[0], "c.yaml:6" in said[2], said[-1]] == [True, True, "2 of 3 files differ"]
    assert len((tmp_path / "lines.jsonl").read_text().splitlines()) == 3


async def test_a_faulty_file_leaves_an_older_result_as_it_was(tmp_path: Path):
    path = written(tmp_path, "a", "summary")
    path.write_text(path.read_text() + "extra: 1\n")
    out = tmp_path / "lines.jsonl"
    out.write_text("older\n")
    with pytest.raises(ConfigurationError):
        await replay_to(path, None, out)
    assert out.read_text() == "older\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.yaml", "lines.jsonl"]


@pytest.mark.parametrize("name", ["nowhere", "empty", "file.txt"])
async def test_a_path_that_is_nothing_of_the_kind_is_refused(name: str, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(ConfigurationError, match=name):
        await replay_to(tmp_path / name, None, None)
