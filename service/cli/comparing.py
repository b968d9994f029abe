"""`lineproof replay --policy NEW --against OLD`: the comparison run and printed, its progress on stderr."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from config.clock import SystemClock
from service.backtesting import Progress, Question, compare_history, compare_scenario
from service.cli.backtest_wording import comparison_lines
from service.cli.running import print_json, run

PATIENCE = 30.0
"""Seconds between two lines of progress where they stay: in a log."""


def compare(path: Path | None, question: Question, *, as_json: bool) -> None:
    """Over the scenario at `path`, or over the installation's own history without one. Raises LineproofError."""
    if path is not None and question.against is not None:
        document = run(compare_scenario(path, question.policy, question.against))
    else:
        # Whoever ends it politely means Ctrl-C: the temporary records go with it.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with _telling(sys.stderr) as say:
            progress = Progress(SystemClock(), say, 1.0 if sys.stderr.isatty() else PATIENCE)
            document = run(compare_history(question, progress))
    if as_json:
        print_json(document)
    else:
        print("\n".join(comparison_lines(document, shutil.get_terminal_size((100, 24)).columns)))


@contextmanager
def _telling(stream: TextIO) -> Iterator[Callable[[str], None]]:
    """Says how far something has come: on a terminal in one line that is cleared afterwards, else a line each."""
    terminal = stream.isatty()

    def say(text: str) -> None:
        print(f"\r\x1b[K{text}" if terminal else text, file=stream, end="" if terminal else "\n", flush=True)

    try:
        yield say
    finally:
        if terminal:
            print("\r\x1b[K", file=stream, end="", flush=True)
