"""Which devices are dead, and what their turns are worth: a poll, one cheap probe, or nothing. Pure."""

from __future__ import annotations

from enum import StrEnum

FAILS = 3
"""Polls in a row without any answer until a device is dead: the retries of each have outlasted a short interruption."""
EACH_TURN_SECONDS = 3600.0
"""A device that died less than this ago is probed in each of its turns."""
COME_BACK_SECONDS = 300.0
"""Later, and after trials that failed, turns are left out, so that it is still probed this often."""


class Turn(StrEnum):
    """What a device's turn is worth."""

    POLL = "poll"
    PROBE = "probe"
    """sysUpTime alone, without retries."""
    REST = "rest"
    """Nothing is sent."""


class _Silence:
    __slots__ = ("next", "since", "trials", "unanswered")

    def __init__(self) -> None:
        self.unanswered = 0
        self.since = 0.0
        self.next = 0.0
        self.trials = 0


class Breaker:
    """Remembers only the devices that are or were silent: a healthy one takes no memory and one dictionary look-up.

    Anything that comes from a device is an answer, also an error-status or a refusal of our credential. After `fails`
    polls in a row without one it is dead. The first answer to a probe asks for the full poll in the same turn; until
    that is answered the device is on trial, and one more silence makes it dead again. Each failed trial doubles the
    pause before the next, so that an agent that answers a small request and never a large one costs little.
    """

    def __init__(self, fails: int = FAILS) -> None:
        self._fails = fails
        self._silent: dict[str, _Silence] = {}

    def remembers(self, key: str) -> bool:
        """Whether the device is or was silent; every other's turn is worth a poll."""
        return key in self._silent

    def turn(self, key: str, now: float) -> Turn:
        """What this turn is worth; `now` in epoch seconds."""
        silence = self._silent.get(key)
        if silence is None or silence.unanswered < self._fails:
            return Turn.POLL
        # A moment farther away than the longest pause was set before the clock was set back.
        return Turn.REST if now < silence.next <= now + COME_BACK_SECONDS else Turn.PROBE

    def answered(self, key: str) -> bool:
        """A poll or probe was answered, whatever the answer said; True: it was dead, ask the full poll now."""
        silence = self._silent.get(key)
        if silence is None:
            return False
        if silence.unanswered < self._fails:
            del self._silent[key]
            return False
        silence.unanswered = self._fails - 1
        silence.trials += 1
        return True

    def unanswered(self, key: str, now: float, every: int) -> bool:
        """A poll or probe of a device that has a turn each `every` seconds was not answered at all; True: this made it
        dead."""
        silence = self._silent.setdefault(key, _Silence())
        silence.unanswered = min(silence.unanswered + 1, self._fails + 1)
        if silence.unanswered == self._fails and not silence.trials:
            silence.since = now
        if silence.unanswered >= self._fails:
            # Half a turn earlier, because turns are not punctual to the last millisecond.
            silence.next = now + (_turns_to_next(silence.trials, now - silence.since, every) - 0.5) * every
        return silence.unanswered == self._fails

    @property
    def dead(self) -> int:
        """How many devices are dead now."""
        return sum(silence.unanswered >= self._fails for silence in self._silent.values())


def _turns_to_next(trials: int, dead_for: float, every: int) -> int:
    """After how many turns a dead device is probed again; 1 is each turn."""
    most = max(1, int(COME_BACK_SECONDS // every))
    if dead_for >= EACH_TURN_SECONDS:
        return most
    return min(most, 1 << min(trials, 16))
