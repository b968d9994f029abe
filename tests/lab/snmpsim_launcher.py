"""Starts snmpsim's responder. As root it drops to another user, who may not read the interpreter's folder, so whatever
it imports late is imported before."""

from __future__ import annotations

import importlib
import pkgutil
import sys

for name in ("dbm", "dbm.dumb", "encodings.idna", "encodings.latin_1", "snmpsim"):
    importlib.import_module(name)
for module in pkgutil.walk_packages(sys.modules["snmpsim"].__path__, "snmpsim."):
    if "commands" not in module.name:
        try:
            importlib.import_module(module.name)
        except ImportError as error:  # a variation module for a database that is not installed
            print(f"left out {module.name}: {error}", file=sys.stderr)

sys.exit(importlib.import_module("snmpsim.commands.responder").main())
