"""Who may tell us something: communities, and users of SNMPv3 as RFC 3414 has it. Decides; sends nothing.

For a trap the sender's engine is the authoritative one: its id and clock are learnt from the first authentic message,
and an older one than the newest is refused from then on. For an inform it is ours, and senders ask for it first.
"""

from __future__ import annotations

import hmac
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from collector.snmp import trap_message
from collector.snmp.agent import User
from collector.snmp.ber import DecodeError
from collector.snmp.engine import LAST_CLOCK, LONGEST_ENGINE_ID, SHORTEST_ENGINE_ID, TIME_WINDOW_SECONDS, Engine
from collector.snmp.trap_admission import TrapOutcome
from collector.snmp.trap_codec import Kind, Pdu, read_pdu, response
from collector.snmp.trap_engine import OwnEngine
from collector.snmp.trap_message import AUTHENTICATED, ENCRYPTED, REPORTABLE, CommunityMessage, Scoped, UserMessage
from collector.snmp.usm import Digest, LocalKeys, local_keys, localised, password_to_key

MOST_ENGINES = 100_000
_LEVEL = AUTHENTICATED | ENCRYPTED


class Report(Enum):
    """The counters of RFC 3414, section 5, that say why a message was not taken."""

    UNSUPPORTED_LEVEL = "1.3.6.1.6.3.15.1.1.1.0"
    NOT_IN_TIME_WINDOW = "1.3.6.1.6.3.15.1.1.2.0"
    UNKNOWN_USER = "1.3.6.1.6.3.15.1.1.3.0"
    UNKNOWN_ENGINE = "1.3.6.1.6.3.15.1.1.4.0"
    WRONG_DIGEST = "1.3.6.1.6.3.15.1.1.5.0"
    DECRYPTION_ERROR = "1.3.6.1.6.3.15.1.1.6.0"


@dataclass(frozen=True, slots=True)
class Heard:
    """`pdu` is there when the outcome is TAKEN. `answer` is to be sent to where the message came from: for an inform
    its acknowledgement, and only once what it says is in safe hands; else a report."""

    outcome: TrapOutcome
    pdu: Pdu | None = None
    answer: bytes | None = None


_NO_KEYS = LocalKeys(None, None)


class Guard:
    """Communities and users that may send. Bounded, whatever arrives: only authentic engines are remembered."""

    def __init__(self, communities: Iterable[bytes], users: Iterable[User], engine: OwnEngine) -> None:
        self._communities = tuple(communities)
        self._users: dict[bytes, list[User]] = {}
        for user in users:
            self._users.setdefault(user.name.encode(), []).append(user)
        self._own = engine
        self._engines: dict[bytes, Engine] = {}
        self._reports: Counter[Report] = Counter()
        self._salt = secrets.randbits(64)

    def hear(self, octets: bytes, monotonic: float) -> Heard:
        """Who sent this, whether it is authentic, and what it says. Never raises on whatever octets arrive."""
        try:
            message = trap_message.read_message(octets)
            if isinstance(message, CommunityMessage):
                return self._of_community(message)
            return self._of_user(message, monotonic)
        except DecodeError:
            return Heard(TrapOutcome.MALFORMED)

    def _of_community(self, message: CommunityMessage) -> Heard:
        known = [hmac.compare_digest(message.community, community) for community in self._communities]
        if not any(known):
            return Heard(TrapOutcome.COMMUNITY)
        pdu = read_pdu(message.pdu)
        if pdu is None:
            return Heard(TrapOutcome.NO_NOTIFICATION)
        if pdu.kind is Kind.TRAP:
            return Heard(TrapOutcome.TAKEN, pdu)
        answer = trap_message.community_message(message.version, message.community, response(pdu))
        return Heard(TrapOutcome.TAKEN, pdu, answer)

    def _of_user(self, message: UserMessage, monotonic: float) -> Heard:
        """RFC 3414, section 3.2, in its order."""
        ours = hmac.compare_digest(message.engine_id, self._own.id)
        if not ours and message.reportable:
            return self._reported(message, TrapOutcome.SYNCHRONISED, Report.UNKNOWN_ENGINE, monotonic)
        if not ours and not SHORTEST_ENGINE_ID <= len(message.engine_id) <= LONGEST_ENGINE_ID:
            return Heard(TrapOutcome.ENGINE)
        users = self._users.get(message.user)
        if not users:
            return self._reported(message, TrapOutcome.USER, Report.UNKNOWN_USER, monotonic)
        level = message.flags & _LEVEL
        users = [user for user in users if not level & ~level_of(user)]
        if not users:
            return self._reported(message, TrapOutcome.LEVEL, Report.UNSUPPORTED_LEVEL, monotonic)
        if not message.authenticated:
            user = next((user for user in users if not level_of(user)), None)
            return self._opened(message, user, monotonic, ours=ours) if user else Heard(TrapOutcome.LEVEL)
        # Fleets of several clients may have users of one name with different passwords.
        user = next((user for user in users if _signed_by(user, message)), None)
        if user is None:
            return self._reported(message, TrapOutcome.DIGEST, Report.WRONG_DIGEST, monotonic)
        if ours and not self._in_time(message, monotonic):
            return self._reported(message, TrapOutcome.SYNCHRONISED, Report.NOT_IN_TIME_WINDOW, monotonic, user)
        if not ours and not self._keep_clock(message, monotonic):
            return Heard(TrapOutcome.TIME_WINDOW)
        if level != level_of(user):
            return Heard(TrapOutcome.LEVEL)
        return self._opened(message, user, monotonic, ours=ours)

    def _in_time(self, message: UserMessage, monotonic: float) -> bool:
        """Step 7 a): by our own clock."""
        return (
            self._own.boots != LAST_CLOCK
            and message.boots == self._own.boots
            and abs(message.time - self._own.time(monotonic)) <= TIME_WINDOW_SECONDS
        )

    def _keep_clock(self, message: UserMessage, monotonic: float) -> bool:
        """Step 7 b): by the sender's clock, as its newest authentic message had it. False when this one is older."""
        known = self._engines.get(message.engine_id) or Engine(message.engine_id)
        newest = known.heard(message.boots, message.time, monotonic)
        if newest is None:
            return False
        if message.engine_id not in self._engines and len(self._engines) >= MOST_ENGINES:
            self._engines.pop(next(iter(self._engines)))
        self._engines[message.engine_id] = newest
        return True

    def _opened(self, message: UserMessage, user: User, monotonic: float, *, ours: bool) -> Heard:
        """Step 8, and RFC 3412, 7.2 (13) and (14): the PDU, and the acknowledgement of an inform."""
        keys, data = local_keys(user, message.engine_id), message.data
        if message.encrypted and keys.privacy:
            try:
                data = keys.privacy.decrypt(data, message.boots, message.time, message.salt)
                scoped = trap_message.read_scoped(data)
            except DecodeError:
                return self._reported(message, TrapOutcome.DECRYPTION, Report.DECRYPTION_ERROR, monotonic)
        else:
            scoped = trap_message.read_scoped(data)
        pdu = read_pdu(scoped.pdu)
        if pdu is None or ours is not (pdu.kind is Kind.INFORM):
            return Heard(TrapOutcome.NO_NOTIFICATION)
        if pdu.kind is Kind.TRAP:
            return Heard(TrapOutcome.TAKEN, pdu)
        answer = self._message(message, response(pdu), scoped, keys, message.flags & _LEVEL, monotonic)
        return Heard(TrapOutcome.TAKEN, pdu, answer)

    def _reported(
        self,
        message: UserMessage,
        outcome: TrapOutcome,
        report: Report,
        monotonic: float,
        user: User | None = None,
    ) -> Heard:
        """A report where the sender can take one (RFC 3412, 7.1 (3)); our time is told authentically only."""
        self._reports[report] += 1
        if not message.reportable:
            return Heard(outcome)
        scoped = Scoped(self._own.id, b"", b"")
        pdu = trap_message.report(report.value, self._reports[report] & 0xFFFFFFFF, 0)
        keys, level = (local_keys(user, self._own.id), AUTHENTICATED) if user else (_NO_KEYS, 0)
        return Heard(outcome, answer=self._message(message, pdu, scoped, keys, level, monotonic))

    def _message(
        self, asked: UserMessage, pdu: bytes, scoped: Scoped, keys: LocalKeys, level: int, monotonic: float
    ) -> bytes:
        self._salt = (self._salt + 1) % 2**64
        engine = (self._own.id, self._own.boots, self._own.time(monotonic))
        data = trap_message.scoped(scoped.engine_id, scoped.context, pdu)
        return trap_message.user_message(
            asked.message_id, level & ~REPORTABLE, engine, asked.user, keys, data, self._salt
        )


def _signed_by(user: User, message: UserMessage) -> bool:
    """Derives the key anew, and not that for privacy: an engine id that anybody made up takes no place in a cache."""
    if user.auth is None:
        return False
    key = localised(user.auth, password_to_key(user.auth, user.auth_password), message.engine_id)
    return hmac.compare_digest(Digest(user.auth, key)(message.octets), message.digest)


def level_of(user: User) -> int:
    """The level that a user must have here, as msgFlags: neither less nor more is taken."""
    return (AUTHENTICATED if user.auth else 0) | (ENCRYPTED if user.priv else 0)
