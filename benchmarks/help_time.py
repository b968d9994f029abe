"""How long `lineproof --help` takes: the whole process, beside an interpreter that does nothing.

    benchmarks/help_time.py [--quick] [--json]

Both are run in turn; the best of several runs counts, as whatever else the machine does only ever adds. The limit that
we set ourselves is 300 ms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence

LIMIT_MS = 300.0


def run_ms(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    ours = [sys.executable, "-m", "service.cli", "--help"]
    nothing = [sys.executable, "-c", "pass"]
    pairs = [(run_ms(ours), run_ms(nothing)) for _ in range(5 if chosen.quick else 20)]
    best, bare = (min(times) for times in zip(*pairs, strict=True))
    rows = [
        {"name": "lineproof --help", "value": best, "unit": "ms", "peer": "python -c pass", "peer_value": bare,
         "ratio": best / bare},
        {"name": "lineproof --help", "value": best, "unit": "ms", "peer": "limit", "peer_value": LIMIT_MS,
         "ratio": best / LIMIT_MS},
    ]  # fmt: skip
    if chosen.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        print(f"{row['name']:30} {row['value']:8.1f} {row['unit']}   {row['peer']} {row['peer_value']:.1f}, "
              f"ratio {row['ratio']:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
