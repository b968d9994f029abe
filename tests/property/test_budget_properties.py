"""Whatever is asked, settled, written, lost in a crash or restarted: no line carries more than its budget."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from collector.snmp.budget import Admission, Ledger, Page

LINES = ("lte", "5g")
START = datetime(2026, 11, 1, tzinfo=UTC).timestamp()


class Collecting(RuleBasedStateMachine):
    """A collector over months. `carried` is what really went over the lines; a crash loses everything but `disk`."""

    @initialize(budget=st.integers(20_000, 50_000_000), other=st.integers(1, 1_000_000))
    def install(self, budget: int, other: int) -> None:
        self.budgets = {"lte": budget, "5g": other}
        self.disk: Page | None = None
        self.writing: Page | None = None
        self.now = START
        self.carried: dict[tuple[str, str], int] = {}
        self.in_flight: list[tuple[tuple[str, ...], int, float]] = []
        self.ledger = Ledger(self.budgets, self.disk)

    @property
    def month(self) -> str:
        return f"{datetime.fromtimestamp(self.now, UTC):%Y-%m}"

    @rule(
        lines=st.sampled_from([LINES, *((line,) for line in LINES)]), octets=st.integers(1, 40_000), extra=st.booleans()
    )
    def ask(self, lines: tuple[str, ...], octets: int, extra: bool) -> None:
        if self.ledger.reserve(lines, octets, self.now, extra=extra) is Admission.GRANTED:
            self.in_flight.append((lines, octets, self.now))
            # What is in flight may arrive in full whatever happens to us.
            for line in lines:
                self.carried[line, self.month] = self.carried.get((line, self.month), 0) + octets

    @rule(share=st.floats(0, 1))
    def answer(self, share: float) -> None:
        if self.in_flight:
            lines, reserved, asked_at = self.in_flight.pop(0)
            spent = int(reserved * share)
            self.ledger.settle(lines, reserved, spent, asked_at, self.now)
            month = f"{datetime.fromtimestamp(asked_at, UTC):%Y-%m}"
            for line in lines:
                self.carried[line, month] -= reserved - spent

    @rule()
    def begin_writing(self) -> None:
        if self.writing is None:
            self.writing = self.ledger.page(self.now)

    @rule(told=st.booleans())
    def end_writing(self, told: bool) -> None:
        """The file is replaced; the process may die before it hears of that."""
        if self.writing is not None:
            self.disk = self.writing
            self.writing = None
            if told:
                self.ledger.written(self.disk)
            else:
                self.crash(lost=False)

    @rule(lost=st.booleans())
    def crash(self, lost: bool) -> None:
        if self.writing is not None and not lost:
            self.disk = self.writing
        self.writing = None
        self.in_flight.clear()
        self.ledger = Ledger(self.budgets, self.disk)

    @rule()
    def restart(self) -> None:
        self.writing = None
        self.disk = self.ledger.closing_page(self.now)
        self.in_flight.clear()
        self.ledger = Ledger(self.budgets, self.disk)

    @rule(seconds=st.sampled_from([1, 61, 3600, 86_400, 9 * 86_400]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def no_line_has_carried_more_than_its_budget(self) -> None:
        for (line, _), octets in getattr(self, "carried", {}).items():
            assert octets <= self.budgets[line]


TestCollecting = Collecting.TestCase
