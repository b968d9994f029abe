"""Work that would go to a thread, done at once: a scenario is played by one task, which would only wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class _Inline(ThreadPoolExecutor):
    """Has no thread; asyncio takes nothing but a ThreadPoolExecutor as its default. What the work raises is raised at
    once, to the same caller who would have awaited it."""

    def submit(
        self, fn: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Future[Result]:
        future: Future[Result] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextmanager
def without_threads() -> Iterator[None]:
    """Within it the running loop does at once what it would give to a thread."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(_Inline(1))
    try:
        yield
    finally:
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
