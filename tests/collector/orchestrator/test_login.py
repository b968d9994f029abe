"""How many callers share one log-in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from collector.orchestrator import login as login_module
from collector.orchestrator.login import KeyLogin, LoginRefusedError, SharedLogin
from collector.orchestrator.port import OrchestratorError
from config.errors import Blame


class Door:
    """A log-in that does what is scripted, each time after a moment; without a script it succeeds."""

    def __init__(self, *script: Exception | None) -> None:
        self.script = list(script)
        self.asked = 0

    async def __call__(self) -> Mapping[str, str]:
        self.asked += 1
        what = self.script.pop(0) if self.script else None
        await asyncio.sleep(0.01)
        if what is not None:
            raise what
        return {"Cookie": f"session={self.asked}"}


def refused() -> LoginRefusedError:
    return LoginRefusedError("vco refused the log-in of 'noc': check username and password")


def unreachable() -> OrchestratorError:
    return OrchestratorError("vco cannot be reached", retryable=True, blame=Blame.LINK)


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the log-in takes for the loop's time."""
    now = [1000.0]

    class Loop:
        def time(self) -> float:
            return now[0]

    class Asyncio:
        Lock = asyncio.Lock

        @staticmethod
        def get_running_loop() -> Loop:
            return Loop()

    monkeypatch.setattr(login_module, "asyncio", Asyncio)
    return now


async def test_a_key_stands_in_every_call_and_cannot_be_renewed() -> None:
    login = KeyLogin({"Authorization": "Token x"})
    assert await login.headers() == ({"Authorization": "Token x"}, 0)
    assert not await login.renew(0)


async def test_ten_first_calls_log_in_once() -> None:
    door = Door()
    login = SharedLogin(door)
    got = await asyncio.gather(*(login.headers() for _ in range(10)))
    assert door.asked == 1
    assert {headers["Cookie"] for headers, _ in got} == {"session=1"}


async def test_ten_calls_that_find_the_session_expired_log_in_once() -> None:
    door = Door()
    login = SharedLogin(door)
    _, generation = await login.headers()
    assert all(await asyncio.gather(*(login.renew(generation) for _ in range(10))))
    assert door.asked == 2
    assert (await login.headers())[0]["Cookie"] == "session=2"


async def test_who_comes_late_with_the_old_session_finds_the_new_one() -> None:
    door = Door()
    login = SharedLogin(door)
    _, generation = await login.headers()
    await login.renew(generation)
    assert await login.renew(generation)
    assert door.asked == 2


async def test_who_waited_for_a_log_in_that_failed_shares_its_failure_and_the_next_one_tries_again() -> None:
    door = Door(unreachable())
    login = SharedLogin(door)
    results = await asyncio.gather(*(login.headers() for _ in range(5)), return_exceptions=True)
    assert door.asked == 1
    assert {str(each) for each in results} == {"vco cannot be reached"}
    assert all(isinstance(each, OrchestratorError) and each.retryable for each in results)
    assert {each.blame for each in results if isinstance(each, OrchestratorError)} == {Blame.LINK}
    assert len({id(each) for each in results}) == 5
    assert (await login.headers())[0]["Cookie"] == "session=2"


async def test_a_log_in_that_fails_midway_leaves_the_old_session_to_be_tried() -> None:
    door = Door(None, unreachable())
    login = SharedLogin(door)
    headers, generation = await login.headers()
    with pytest.raises(OrchestratorError, match="cannot be reached"):
        await login.renew(generation)
    assert await login.headers() == (headers, generation)
    assert await login.renew(generation)


async def test_a_caller_that_is_cancelled_while_logging_in_leaves_it_to_the_next() -> None:
    door = Door()
    login = SharedLogin(door)
    first = asyncio.create_task(login.headers())
    await asyncio.sleep(0)
    second = asyncio.create_task(login.headers())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)[0]["Cookie"] == "session=2"


async def test_a_refused_log_in_is_not_tried_again_for_a_minute(moment: list[float]) -> None:
    door = Door(refused())
    login = SharedLogin(door)
    for seconds in (0.0, 59.9):
        moment[0] = 1000.0 + seconds
        with pytest.raises(LoginRefusedError, match="check username and password"):
            await login.headers()
    assert door.asked == 1
    moment[0] = 1060.0
    await login.headers()
    assert door.asked == 2


async def test_each_further_refusal_doubles_the_pause_up_to_an_hour_and_a_success_ends_that(
    moment: list[float],
) -> None:
    door = Door(*(refused() for _ in range(8)), None, refused())
    login = SharedLogin(door)
    waits = []
    for _ in range(8):
        with pytest.raises(LoginRefusedError):
            await login.headers()
        waits.append(login._refused_until - moment[0])
        moment[0] = login._refused_until
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    _, generation = await login.headers()
    with pytest.raises(LoginRefusedError):
        await login.renew(generation)
    assert login._refused_until - moment[0] == 60


async def test_a_refusal_that_is_told_for_long_does_not_grow() -> None:
    login = SharedLogin(Door(refused()))
    tracebacks = []
    for _ in range(20):
        with pytest.raises(LoginRefusedError) as caught:
            await login.headers()
        depth, each = 0, caught.value.__traceback__
        while each is not None:
            depth, each = depth + 1, each.tb_next
        tracebacks.append(depth)
    assert tracebacks[-1] == tracebacks[1]
