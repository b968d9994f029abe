"""`lineproof ARGUMENTS` as a person runs it, a process each, without the second and a half of importing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from forking import Template


class Commands:
    def __init__(self) -> None:
        self._template = Template(Path(__file__).with_name("lineproof_commands.py"))

    def run(
        self, *arguments: object, folder: Path, environment: Mapping[str, str] = os.environ, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end. Raises subprocess.TimeoutExpired, and then it is ended."""
        words = [str(each) for each in arguments]
        with tempfile.TemporaryDirectory() as said:
            stdout, stderr = Path(said) / "stdout", Path(said) / "stderr"
            child = self._template.start(
                arguments=words, folder=folder, environment=dict(environment), stdout=stdout, stderr=stderr
            )
            code = self._template.ended(timeout)
            if code is None:
                os.kill(child, signal.SIGKILL)
                self._template.ended(60)
                raise subprocess.TimeoutExpired(words, timeout, stdout.read_text(), stderr.read_text())
            return subprocess.CompletedProcess(words, code, stdout.read_text(), stderr.read_text())

    def stop(self) -> None:
        self._template.stop()
