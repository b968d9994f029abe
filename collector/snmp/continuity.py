"""Whether an agent ran on between two readings, told by up to three of its clocks. Pure; arrays in, arrays out.

Sources: RFC 3418 (sysUpTime: 1/100 s since the network management part was last initialised, in 32 bits, so that it
wraps after 497 days), RFC 3411 (snmpEngineBoots counts each initialisation of the SNMP engine from 1; snmpEngineTime:
seconds since then, in 31 bits), RFC 2790 (hrSystemUptime: 1/100 s since the host was last initialised, in 32 bits).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray

BLUR_SECONDS = 2.0
"""How far an agent's clock and ours may differ over a short while: one answer came faster than the other."""
BLUR_SHARE = 0.1
"""The same over a longer while, as a share of it: clocks of virtual machines and of cheap routers run wrong."""
RESTART_SECONDS = 10.0
"""A clock that is behind ours by no more than this is never said to have started again, however short the interval."""
BELIEVED_FROM = 0.5
BELIEVED_TO = 2.0
"""An agent whose clock runs at less than half or more than double ours is not believed."""

TICKS = 100
"""sysUpTime and hrSystemUptime count in 1/100 s."""


class Continuity(IntEnum):
    """What happened to an agent between two readings. Only CONTINUOUS says that it ran on."""

    CONTINUOUS = 0
    REBOOTED = 1
    """A clock started again, and none says that the device was up all the while."""
    AGENT_RESTARTED = 2
    """A clock started again, another ran on: the device was up, its agent (or SNMP engine) was not."""
    UNKNOWN = 3
    """The agent has no clock: it names no sysUpTime, or one that stands still, and no engine's time."""
    DOUBTFUL = 4
    """It may have started again: it has been up for no longer than the time between the readings, or its clock was
    set, or another unit of a pair answers."""


@dataclass(frozen=True, slots=True, eq=False)
class AgentClocks:
    """What agents say of their own time, n of them, each int64[n]; -1 is "not answered".

    `uptime` is sysUpTime in 1/100 s, `engine_boots` and `engine_time` snmpEngineBoots and snmpEngineTime in s,
    `host_uptime` hrSystemUptime in 1/100 s.
    """

    uptime: NDArray[np.int64]
    engine_boots: NDArray[np.int64]
    engine_time: NDArray[np.int64]
    host_uptime: NDArray[np.int64]


class _Clock(IntEnum):
    """What one clock says. Only RAN_ON shows by itself that it was never set back."""

    SILENT = 0
    DOUBTFUL = 1
    RESTARTED = 2
    WRAPPED = 3
    RAN_ON = 4


def continuity(before: AgentClocks, now: AgentClocks, elapsed: FloatArray) -> NDArray[np.int8]:
    """A `Continuity` for each of n agents, read `elapsed` float64[n] seconds of our clock apart; int8[n].

    The engine's clock settles what sysUpTime leaves in doubt, as it does not wrap with it. The host's, being no
    clock of the agent's, only tells a reboot from an agent's restart.
    """
    agent = _clock(before.uptime, now.uptime, TICKS, elapsed)
    engine = _engine(before, now, elapsed) if _answered(now.engine_boots) else _SILENT
    host = _clock(before.host_uptime, now.host_uptime, TICKS, elapsed) if _answered(now.host_uptime) else _SILENT
    together: NDArray[np.int8] = _TOGETHER[agent, engine, host]
    return together


def seconds_between(before: AgentClocks, now: AgentClocks, elapsed: FloatArray) -> FloatArray:
    """Seconds between two readings, float64[n]: by sysUpTime where that is credible, else by ours (`elapsed`).

    sysUpTime is read in the same datagram as the counters, so network delay, retries and our own lag do not blur it.
    An agent's clock may be set or stand still: outside half to double of ours it is not believed.
    """
    ran = ((now.uptime - before.uptime) & (2**32 - 1)) / TICKS
    believed = (before.uptime >= 0) & (now.uptime >= 0)
    believed &= (ran >= elapsed * BELIEVED_FROM) & (ran <= elapsed * BELIEVED_TO)
    return np.where(believed, ran, elapsed)


def _answered(clock: NDArray[np.int64]) -> bool:
    return int(clock.max(initial=-1)) >= 0


def _clock(before: NDArray[np.int64], now: NDArray[np.int64], per_second: int, elapsed: FloatArray) -> NDArray[np.int8]:
    """A `_Clock` for each pair of readings of a clock that counts `per_second` from its start.

    A value that fell is the wrap after 497 days where the clock then ran just the time that passed. Whatever started
    again in between shows no more than that time; if it also did not run for half of it, it did start again, else it
    may have. A value that fell and shows more was set, or is another unit's. Equal values are a clock nobody keeps.
    """
    told = ((before | now) >> 32 == 0) & (before != now)
    fell = now < before
    ran = (now - before + fell * (2**32 * per_second // TICKS)) / per_second
    off = np.abs(ran - elapsed)
    blur = np.maximum(BLUR_SECONDS, elapsed * BLUR_SHARE)
    young = now <= (elapsed + blur) * per_second
    state = np.where(young | fell, _DOUBTFUL, _RAN_ON)
    state[fell & (off <= blur)] = _WRAPPED
    state[young & (off > np.maximum(RESTART_SECONDS, elapsed * BELIEVED_FROM))] = _RESTARTED
    state[~told] = _SILENT
    return state


def _engine(before: AgentClocks, now: AgentClocks, elapsed: FloatArray) -> NDArray[np.int8]:
    """The same of SNMP engines. Another boot is a start (RFC 3414, section 2.2), whatever the time says; boots of 0
    are no engine's (OpenBSD's snmpd gives them, and the time of day). Some Cisco IOS wrap the time with sysUpTime."""
    state = _clock(before.engine_time, now.engine_time, 1, elapsed)
    state[before.engine_boots != now.engine_boots] = _RESTARTED
    state[(before.engine_boots < 1) | (now.engine_boots < 1)] = _SILENT
    return state


def _judge(agent: _Clock, engine: _Clock, host: _Clock) -> Continuity:
    """What the three clocks say together. While one of them ran on, the device is not said to have rebooted."""
    if _Clock.RESTARTED in (agent, engine, host):
        return Continuity.AGENT_RESTARTED if _Clock.RAN_ON in (agent, engine, host) else Continuity.REBOOTED
    if agent is engine is _Clock.SILENT:
        return Continuity.UNKNOWN
    if engine is _Clock.RAN_ON or (agent is _Clock.RAN_ON and engine is not _Clock.DOUBTFUL):
        return Continuity.CONTINUOUS
    wrapped = agent is _Clock.WRAPPED and _Clock.DOUBTFUL not in (engine, host)
    return Continuity.CONTINUOUS if wrapped else Continuity.DOUBTFUL


_SILENT, _DOUBTFUL, _RESTARTED, _WRAPPED, _RAN_ON = map(np.int8, _Clock)
_TOGETHER = np.array([[[_judge(a, e, h) for h in _Clock] for e in _Clock] for a in _Clock], dtype=np.int8)
