"""Many short-lived processes of one kind: importing takes a second, forking a few milliseconds.

A template imports once, reads one JSON object a line, forks, and waits for the child, which does as told; whatever
both say goes to the same standard output, a line each.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Template:
    """A script that calls `serve`, as its test sees it."""

    def __init__(self, script: Path, environment: Mapping[str, str] = os.environ) -> None:
        path = os.pathsep.join((str(ROOT), str(Path(__file__).parent)))
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            cwd=ROOT, env={**environment, "PYTHONPATH": path},
        )  # fmt: skip
        self._said: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line.split())

    def start(self, **order: object) -> int:
        """Fork a child that does as told; its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order, default=str) + "\n")
        self._process.stdin.flush()
        return int(self.hear("child", 60)[-1][1])

    def hear(self, until: str, seconds: float) -> list[list[str]]:
        """What is said up to a line that begins with `until`, at most so long."""
        end = time.monotonic() + seconds
        found: list[list[str]] = []
        with contextlib.suppress(queue.Empty):
            while not found or " ".join(found[-1][: until.count(" ") + 1]) != until:
                found.append(self._said.get(timeout=max(end - time.monotonic(), 0.001)))
        return found

    def ended(self, seconds: float) -> int | None:
        """The exit code of the child, negative for a signal; None when it has not ended within so long."""
        heard = self.hear("ended", seconds)
        return int(heard[-1][1]) if heard and heard[-1][0] == "ended" else None

    def stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._listener.join(timeout=30)
        self._process.stdout.close()


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def serve(do: Callable[[dict[str, Any]], None]) -> None:
    """The template's own side: a child for each order, one after another."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            say("child", os.getpid())
            do(order)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say("ended", os.waitstatus_to_exitcode(status))
