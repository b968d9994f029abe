"""The far side of the telephone: what the demonstration hears from the simulator, and when."""

from __future__ import annotations

import aiohttp
from pydantic import TypeAdapter

from service.demo.stage import DemoError
from service.simulator.truth import Exchanged, PhoneCall, Truth

_CALLS = TypeAdapter(list[PhoneCall])


class Outside:
    """Use as an async context manager."""

    def __init__(self, control: str) -> None:
        self._control = control
        self._heard = 0

    async def __aenter__(self) -> Outside:
        self._session = aiohttp.ClientSession(self._control)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def new_calls(self) -> list[PhoneCall]:
        """Calls made since the last time, in their order."""
        calls = _CALLS.validate_json(await self._get(f"/calls?after={self._heard}"))
        self._heard += len(calls)
        return calls

    async def exchanged(self) -> Exchanged:
        return Exchanged.model_validate_json(await self._get("/counters"))

    async def truth(self) -> Truth:
        """What was really wrong. Raises DemoError while the story goes on."""
        return Truth.model_validate_json(await self._get("/truth"))

    async def _get(self, path: str) -> bytes:
        try:
            async with self._session.get(path) as answer:
                body = await answer.read()
        except aiohttp.ClientError as error:
            raise DemoError(f"the simulator does not answer ({error}); its messages are above") from None
        if answer.status != 200:
            raise DemoError(f"the simulator refused {path}: {body.decode(errors='replace')}")
        return body
