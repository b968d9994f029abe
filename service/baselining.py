"""Learns what is ordinary for every line, in a process of its own: two weeks of a fleet are no work for the engine's.

python -m service.baselining SETTINGS
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from config.errors import LineproofError

if TYPE_CHECKING:
    from service.installation import Installation

log = structlog.get_logger()

NICENESS = 10
"""nice(1): whoever decides or measures goes first."""


async def renew(installation: Installation) -> None:
    """Have a new table learnt, when one is due, and wait for it. Raises LineproofError where that failed."""
    from triage.baselines.nightly import is_due

    policy = (await installation.judging()).policy
    if not is_due(await asyncio.to_thread(installation.baselines.newest), policy, installation.clock.now()):
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service.baselining", str(installation.path), stdin=asyncio.subprocess.DEVNULL
    )
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        raise LineproofError(f"learning what is ordinary ended with {code}; its log says why, the last table stays")


async def learn(path: Path) -> None:
    """Learn all watched lines of an installation and publish the table."""
    from service.installation import opened
    from triage.baselines.nightly import learn_fleet
    from triage.troubles import read_from

    async with opened(path) as installation:
        judging = await installation.judging()
        version = await learn_fleet(
            judging.store,
            judging.inventory,
            judging.policy,
            installation.baselines,
            installation.clock.now(),
            read_from(installation.database),
        )
    log.info("baselines_learnt", version=version.name, files=len(version.files))


def main() -> int:
    from service.logs import set_up_logs
    from service.weight import stay_small

    os.nice(NICENESS)
    stay_small()
    set_up_logs("baselines")
    try:
        asyncio.run(learn(Path(sys.argv[1])))
    except LineproofError as error:
        log.error("baselines_not_learnt", why=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
