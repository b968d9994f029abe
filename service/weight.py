"""Keeps a process small: one thread for arithmetic, and freed memory back to the system at once.

Glibc keeps an arena per thread and what it once freed; polars brings an allocator and a thread per core of its own. In
a process that reads much once a minute both would hold the heaviest moment's memory for ever (measured: 150 MB).
"""

from __future__ import annotations

import ctypes
import os

ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0,narenas:1",
}
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""mallopt(3)."""
LARGE = 256 * 1024


def stay_small() -> None:
    """Call it before numpy and polars are loaded; what the environment says already stands."""
    for name, chosen in ENVIRONMENT.items():
        os.environ.setdefault(name, chosen)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # another C library than glibc has no such knobs
        for option, value in ((M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, LARGE), (M_TRIM_THRESHOLD, LARGE)):
            mallopt(option, value)
