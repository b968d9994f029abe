"""Reads a carrier's mail in a process of its own (`triage.mail.notice_reader`)."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from triage.mail.notices import CarrierNotice, MailRefusal, RefusedMailError

SECONDS = 60.0
"""Longer no mail is read; loading the parsers takes two on a busy machine."""


class _Circuit(BaseModel):
    circuit_id: str = Field(max_length=200)
    impact: str


class _Notice(BaseModel):
    """circuit-maintenance-parser's Maintenance; times are seconds since 1970."""

    model_config = ConfigDict(extra="ignore")

    account: str = Field(max_length=200)
    maintenance_id: str = Field(min_length=1, max_length=200)
    status: str
    circuits: tuple[_Circuit, ...] = Field(max_length=10_000)
    start: AwareDatetime
    end: AwareDatetime
    stamp: AwareDatetime
    sequence: int
    summary: str = ""


_NOTICES = TypeAdapter(tuple[_Notice, ...])


async def read_notices(raw: bytes, kind: str) -> list[CarrierNotice]:
    """The notices of a mail in the format `kind`. Raises RefusedMailError when there is none that can be understood."""
    environment = {"PATH": os.defpath, "TZ": "UTC", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "triage.mail.notice_reader", kind,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment,
    )  # fmt: skip
    try:
        said, complained = await asyncio.wait_for(child.communicate(raw), SECONDS)
    except TimeoutError:
        raise RefusedMailError(MailRefusal.UNREADABLE, f"it was not read within {SECONDS:.0f} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        last = complained.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        raise RefusedMailError(MailRefusal.UNREADABLE, f"no notice of the format {kind} in it: {last[0][:300]}")
    try:
        found = _NOTICES.validate_json(said)
    except ValidationError as error:
        raise RefusedMailError(
            MailRefusal.UNREADABLE, f"its notice makes no sense: {error.errors()[0]['msg']}"
        ) from None
    if not found:
        raise RefusedMailError(MailRefusal.UNREADABLE, f"no notice of the format {kind} is in it")
    return [_notice(one) for one in found]


def _notice(one: _Notice) -> CarrierNotice:
    return CarrierNotice(
        account=one.account,
        id=one.maintenance_id,
        status=one.status,
        circuits=tuple((circuit.circuit_id, circuit.impact) for circuit in one.circuits),
        start=_to_the_second(one.start),
        end=_to_the_second(one.end),
        stamp=_to_the_second(one.stamp),
        sequence=max(0, one.sequence),
        summary=" ".join(one.summary.split())[:500],
    )


def _to_the_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
