"""Reports are set in a process of their own: a heavy one delays no decision, and either may be killed.

python -m service.rendering: requests on stdin, files on stdout, each a line of JSON and then as many bytes as it says.
It ends with its stdin, so it outlives no engine.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from typing import Any, BinaryIO

from config.errors import LineproofError
from triage.evidence import EvidenceFile, EvidencePack

NICENESS = 10
"""nice(1): whoever decides or measures goes first."""


class RenderingProcess:
    """`triage.evidence.EvidenceRenderer` beside this process: starts with the first report, one report at a time, and
    is started again when it was killed. `close` it."""

    def __init__(self, issuer: str = "Lineproof") -> None:
        self._issuer = issuer
        self._turn = asyncio.Lock()
        self._process: Process | None = None

    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        """As `reports.evidence.evidence_files`. Raises LineproofError: retryable when the process ended during it."""
        async with self._turn:
            process = self._process or await self._start()
            try:
                return await _asked(process, pack, case, self._issuer)
            except (OSError, asyncio.IncompleteReadError, json.JSONDecodeError) as error:
                await self.close()
                why = f"the process that sets reports ended while it set the evidence of {case}; it is tried again"
                raise LineproofError(why, retryable=True) from error
            except asyncio.CancelledError:
                await self.close()  # half an answer must not be taken for the next one
                raise

    async def close(self) -> None:
        """What is being set is given up; whoever asked for it asks again."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def _start(self) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "service.rendering", stdin=PIPE, stdout=PIPE
        )
        return self._process


async def _asked(process: Process, pack: EvidencePack, case: str, issuer: str) -> tuple[EvidenceFile, ...]:
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    asked = {"case": case, "issuer": issuer, "sha256": pack.sha256, "size": len(pack.content)}
    process.stdin.write(_line(asked) + pack.content)
    await process.stdin.drain()
    told = json.loads(await process.stdout.readuntil(b"\n"))
    if "error" in told:
        raise LineproofError(told["error"], retryable=told["retryable"])
    return tuple(
        [
            EvidenceFile(each["name"], each["media_type"], await process.stdout.readexactly(each["size"]))
            for each in told["files"]
        ]
    )


def answer(asked: Mapping[str, Any], content: bytes) -> bytes:
    """The files that one request asks for, or why there are none."""
    from reports.evidence import evidence_files

    try:
        files = evidence_files(EvidencePack(content, asked["sha256"]), asked["case"], asked["issuer"])
    except LineproofError as error:
        return _line({"error": str(error), "retryable": error.retryable})
    told = [{"name": file.name, "media_type": file.media_type, "size": len(file.content)} for file in files]
    return b"".join([_line({"files": told}), *(file.content for file in files)])


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Until nobody asks any more."""
    while line := requests.readline():
        asked = json.loads(line)
        answers.write(answer(asked, requests.read(asked["size"])))
        answers.flush()


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"


def main() -> None:
    from service.weight import stay_small

    os.nice(NICENESS)
    stay_small()
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # what a library prints is no answer
    try:
        serve(sys.stdin.buffer, answers)
    except BrokenPipeError:
        # Whoever asked was killed. The interpreter flushes once more at its end: into nothing then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), answers.fileno())


if __name__ == "__main__":
    main()
