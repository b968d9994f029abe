"""Evidence is rendered beside the engine: the same bytes, no waiting, and nothing is left when either is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from config.errors import LineproofError
from reports.evidence import evidence_files
from service.rendering import RenderingProcess
from triage.evidence import EvidencePack

pytestmark = [pytest.mark.rim, pytest.mark.slow]

VERDICT: dict[str, Any] = {
    "verdict": "not_substantiated", "cause": "none", "scope": "link",
    "coverage": {"present": 6, "expected": 6, "pending": 0, "newest": "2026-03-03T18:50:00Z"},
}  # fmt: skip
DOCUMENT = {
    "format": 1, "made_at": "2026-03-03T18:56:00Z", "verdict": VERDICT, "client": {"id": "acme"},
    "site": {"id": "store-114"},
}  # fmt: skip
PACK = EvidencePack.of(DOCUMENT)
NO_PACK = EvidencePack.of({"format": 1})


def worker_of(rendering: RenderingProcess) -> int:
    assert rendering._process is not None
    return rendering._process.pid


async def test_one_renderer_s_life():
    """In one test, as a process costs a second to start."""
    rendering = RenderingProcess()
    try:
        files = await rendering.render(PACK, "C-1")
        assert files == evidence_files(PACK, "C-1"), "the same bytes as in this process"

        with pytest.raises(LineproofError, match="cannot be read"):
            await rendering.render(NO_PACK, "C-1")
        assert (await rendering.render(PACK, "C-1"))[1] == files[1], "a pack that cannot be read harms no other"

        os.kill(worker_of(rendering), signal.SIGKILL)
        with pytest.raises(LineproofError, match="tried again") as raised:
            await rendering.render(PACK, "C-1")
        assert raised.value.retryable
        assert await rendering.render(PACK, "C-1") == files, "and the next one is rendered by another process"
    finally:
        await rendering.close()


def test_its_process_ends_with_an_engine_that_was_killed(tmp_path: Path):
    (tmp_path / "pack.json").write_bytes(PACK.content)
    program = tmp_path / "engine.py"
    program.write_text(
        "import asyncio, hashlib, sys, time\n"
        "from pathlib import Path\n"
        "from service.rendering import RenderingProcess\n"
        "from triage.evidence import EvidencePack\n"
        "async def main():\n"
        "    content = Path(sys.argv[1]).read_bytes()\n"
        "    rendering = RenderingProcess()\n"
        "    await rendering.render(EvidencePack(content, hashlib.sha256(content).hexdigest()), 'C-1')\n"
        "    print(rendering._process.pid, flush=True)\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    root = str(Path(__file__).parents[2])
    engine = subprocess.Popen(
        [sys.executable, str(program), str(tmp_path / "pack.json")], stdout=subprocess.PIPE, env={"PYTHONPATH": root}
    )
    assert engine.stdout is not None
    worker = int(engine.stdout.readline())
    engine.kill()
    engine.wait()
    engine.stdout.close()
    deadline = time.monotonic() + 10
    while _lives(worker):
        assert time.monotonic() < deadline, f"process {worker} outlived its engine"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
