"""What is worked out once for something that does not change."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Once:
    """For frozen things without slots: what was made of them lives as long as they do."""

    def once(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """What `make` gives, made the first time that this is asked for `key`."""
        if key not in self._made:
            self._made[key] = make()
        made: Answer = self._made[key]
        return made

    @cached_property
    def _made(self) -> dict[Hashable, Any]:
        return {}
