"""A template of `lineproof`: each order is a command line, with the folder, environment and files that it runs with."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))

from forking import serve

from service.cli import main

IMPORTED = (
    "service.cli.app",
    "service.installation",
    "service.migrations",
    "service.submitting",
    "collector.store.exporting",
    "collector.store.inspect",
    "collector.store.rebuilding",
    "collector.snmp.watch",
)
"""What most commands import when they run."""


def do(order: dict[str, Any]) -> None:
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    for number, path in enumerate((os.devnull, order["stdout"], order["stderr"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    sys.argv = ["lineproof", *order["arguments"]]
    main()


if __name__ == "__main__":
    for module in IMPORTED:
        importlib.import_module(module)
    gc.freeze()
    serve(do)
