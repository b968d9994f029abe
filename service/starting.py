"""`lineproof init`: a folder with settings and an example inventory to begin with."""

from __future__ import annotations

import shutil
from pathlib import Path

import config
from config.errors import ConfigurationError

EXAMPLES = Path(config.__file__).parent / "examples"
FILES = {"lineproof.example.yaml": "lineproof.yaml", "inventory.example.yaml": "inventory.yaml"}


def init_folder(folder: Path) -> list[Path]:
    """Copy the examples; raises ConfigurationError rather than overwrite anything."""
    targets = {EXAMPLES / source: folder / name for source, name in FILES.items()}
    there = [str(target) for target in targets.values() if target.exists()]
    if there:
        raise ConfigurationError(f"{', '.join(there)} exists already; choose an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    for source, target in targets.items():
        shutil.copyfile(source, target)
    return list(targets.values())
