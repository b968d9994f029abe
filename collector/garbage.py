"""The cyclic garbage collector of a process whose state lives as long as it does."""

from __future__ import annotations

import gc

ALLOCATIONS = 20_000
"""Between two collections of the youngest; a second's polls of a large fleet are let pass, they die by themselves."""


def set_apart() -> None:
    """Collect once, and leave what is alive now out of every later collection.

    Looking through the state of ten thousand devices again and again cost a third of the collector's time. Call it
    when that state was built; what of it becomes cyclic garbage later stays until the process ends.
    """
    gc.set_threshold(ALLOCATIONS, 20, 20)
    gc.collect()
    gc.freeze()
