"""The site's other lines in an evidence report: whether they can take the traffic, and why not. Pure."""

from __future__ import annotations

from reports.formatting import percent, yes_or_no
from reports.model import Cell, Column, Table, Tone
from reports.pack import PackDocument, PackOption
from reports.words import UNFIT_WORDS, action_words


def relief(document: PackDocument) -> str:
    fit = next((option for option in document.verdict.options if option.fit), None)
    if fit is None:
        return "None of the site's other lines can take the traffic now."
    return f"{fit.link} can take the traffic. Nothing is moved before a person approves it."


def options_table(document: PackDocument) -> Table:
    return Table(
        "The site's other lines, best first; utilisation as it would be with the traffic added.",
        (
            Column("rank", "right", 0.5),
            Column("line", weight=1.6),
            Column("action", weight=1.1),
            Column("can take it", weight=2.4),
            Column("download", "right"),
            Column("upload", "right"),
            Column("metered", weight=0.8),
            Column("shared last mile", weight=0.9),
        ),
        tuple(_option(option) for option in document.verdict.options),
    )


def _option(option: PackOption) -> tuple[Cell, ...]:
    why = f"no: {UNFIT_WORDS.get(option.reason or '', option.reason or 'not said')}"
    after = option.utilisation_after_pct
    return (
        Cell(str(option.rank)),
        Cell(option.link),
        Cell(action_words(option.action)),
        Cell("yes", Tone.GOOD) if option.fit else Cell(why, Tone.WARNING),
        Cell(_forecast(after.rx)),
        Cell(_forecast(after.tx)),
        Cell(yes_or_no(option.metered)),
        Cell(yes_or_no(option.shared_fate)),
    )


def _forecast(utilisation: float | None) -> str:
    return "not known" if utilisation is None else percent(utilisation)
