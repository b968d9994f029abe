"""The evidence of a carrier's trouble as people read it: whose onsets, how many by chance. Everything from the pack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from reports.delivery import file_name
from reports.formatting import local_time, number, opening, stated
from reports.model import Attachment, Block, Cell, Column, Report, ReportError, Row, Rows, Section, Table, Text, Tone
from triage.carrier_pack import FORMAT
from triage.evidence import EvidencePack
from triage.model import Cause, Severity
from triage.words import CAUSE_WORDS

MOST_LISTED = 200
"""Sites' cases that the report lists: four pages. Ten thousand would be a file that no ticket system takes."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CarrierChild(_Part):
    case: str
    market: str
    onset: AwareDatetime
    cause: Cause
    severity: Severity | None
    evidence_sha256: str | None
    status: str = ""


class CarrierUsual(_Part):
    onsets: int
    hours: float


class CarrierQuestion(_Part):
    of: str
    sites: int
    others: int
    window_minutes: int
    needed: int
    probability: float
    usual: CarrierUsual


class CarrierRules(_Part):
    significance: float


class CarrierDocument(_Part):
    format: int
    made_at: AwareDatetime
    title: str
    status: str = ""
    reopened: int = 0
    carrier: str
    market: str
    policy: str
    clients: int
    rules: CarrierRules
    children: tuple[CarrierChild, ...]
    asked: tuple[CarrierQuestion, ...]


def carrier_report(pack: EvidencePack, case: str, issuer: str) -> Report:
    """Raises ReportError for a pack that cannot be read."""
    document = _read(pack)
    ident = f"evidence-{case}"
    name = f"{file_name(ident)}.json"
    first = min((child.onset for child in document.children), default=document.made_at)
    last = max((child.onset for child in document.children), default=document.made_at)
    asked = document.asked[0]
    return Report(
        id=ident,
        kind="Evidence report",
        title=f"Case {case}: {document.carrier}",
        subtitle=document.title,
        issuer=issuer,
        headline=f"{asked.others + 1} sites of this carrier began to suffer within minutes of each other: by "
        f"chance the probability of that is {_chance(asked.probability)}.",
        tone=Tone.BAD,
        highlights=(
            Row("sites struck", str(len(document.children)), Tone.BAD),
            Row("sites watched there", str(asked.sites)),
            Row("would have been enough", str(asked.needed + 1)),
            Row("by chance", _chance(asked.probability)),
        ),
        meta=(
            Row("Carrier", document.carrier),
            Row("Where", asked.of),
            Row("First onset", local_time(first, UTC)),
            Row("Last onset", local_time(last, UTC)),
            Row("Clients struck", str(document.clients)),
            Row("Its case", stated(document.status)),
            Row("Taken up again", str(document.reopened) if document.reopened else "never"),
            Row("Made", local_time(document.made_at, UTC)),
        ),
        sections=tuple(_sections(document, pack, case, name)),
        footnotes=(),
        footer=f"{ident} · made {local_time(document.made_at, UTC)} · SHA-256 {pack.sha256[:16]}…",
        made_at=document.made_at,
        attachments=(
            Attachment(name, "application/json", pack.content, "The evidence pack that this report rests on"),
        ),
    )


def _sections(document: CarrierDocument, pack: EvidencePack, case: str, name: str) -> Iterator[Section]:
    yield Section("Why it is one trouble", tuple(_why(document)))
    yield Section("The sites' own cases", tuple(_listed(document)))
    yield Section(
        "How to verify this report",
        (
            Text(
                f"Everything above was computed from the evidence pack that the PDF carries as {name}. Each site's own "
                "case has a pack of its own, named here by its SHA-256."
            ),
            Rows((Row("SHA-256 of the pack", pack.sha256), Row("Policy", stated(document.policy)))),
            Text(f"sha256sum {name}", "code"),
            Text(f"lineproof case show {case} --verify", "code"),
        ),
    )


def _why(document: CarrierDocument) -> Iterator[Block]:
    yield Text(
        "Each site's trouble was judged by itself. Asked of them together: how many other sites of the carrier have an "
        "onset within minutes of one, and how likely so many are at the carrier's usual rate of troubles, which is "
        "known only as well as the week before tells (a negative binomial tail)."
    )
    for asked in document.asked:
        yield Rows(
            (
                Row("Asked of", opening(asked.of)),
                Row("Other sites with an onset beside it", f"{asked.others} of {asked.sites - 1}", Tone.BAD),
                Row("Within", f"{asked.window_minutes} minutes around the onset that has most beside it"),
                Row("Usual", f"{asked.usual.onsets} troubles in {asked.usual.hours:.0f} hours times sites"),
                Row("Enough would have been", f"{asked.needed} others"),
                Row("By chance", f"{_chance(asked.probability)}; one trouble below {document.rules.significance:g}"),
            )
        )


def _listed(document: CarrierDocument) -> Iterator[Block]:
    """Each market, where there are several; and as many cases as somebody reads."""
    markets: dict[str, list[CarrierChild]] = {}
    for child in document.children:
        markets.setdefault(child.market, []).append(child)
    if len(markets) > 1:
        yield _markets(markets)
    yield _children(document.children[:MOST_LISTED])
    if len(document.children) > MOST_LISTED:
        yield Text(
            f"The first {number(MOST_LISTED, 0)} of {number(len(document.children), 0)}; the pack that the PDF carries "
            "has them all."
        )


def _markets(markets: Mapping[str, Sequence[CarrierChild]]) -> Table:
    most = sorted(markets, key=lambda market: (-len(markets[market]), market))
    return Table(
        "By market, the one that is struck most first.",
        (
            Column("market", weight=1.6),
            Column("sites", weight=0.6),
            Column("first onset", weight=1.6),
            Column("last onset", weight=1.6),
        ),
        tuple(
            tuple(
                Cell(text)
                for text in (
                    market or "not stated",
                    number(len(markets[market]), 0),
                    local_time(min(child.onset for child in markets[market]), UTC),
                    local_time(max(child.onset for child in markets[market]), UTC),
                )
            )
            for market in most
        ),
    )


def _children(children: Sequence[CarrierChild]) -> Table:
    return Table(
        "In the order of their onsets. Clients and sites are not named: this report may be shown to any of them.",
        (
            Column("case", weight=0.6),
            Column("market", weight=1.2),
            Column("onset", weight=1.6),
            Column("what", weight=1.2),
            Column("severity", weight=0.8),
            Column("its case", weight=0.9),
            Column("its pack, SHA-256", weight=1.5),
        ),
        tuple(
            tuple(
                Cell(text)
                for text in (
                    child.case,
                    child.market or "not stated",
                    local_time(child.onset, UTC),
                    CAUSE_WORDS[child.cause],
                    str(child.severity or "not known"),
                    stated(child.status),
                    f"{child.evidence_sha256[:16]}…" if child.evidence_sha256 else "none yet",
                )
            )
            for child in children
        ),
    )


def _chance(probability: float) -> str:
    """As people say it: 0.000026 is 1 in 38,000. What is rarer than one in a billion is said to be that."""
    if probability < 1e-9:
        return f"less than 1 in {number(1e9, 0)}"
    times = 1 / probability
    return f"1 in {number(float(f'{times:.2g}'), 0)}" if times >= 10 else f"{probability:.2g}"


def _read(pack: EvidencePack) -> CarrierDocument:
    if not pack.intact:
        raise ReportError(f"the evidence pack {pack.sha256[:16]}... was changed after it was made; use the original")
    try:
        document = CarrierDocument.model_validate_json(pack.content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise ReportError(f"the evidence pack {pack.sha256[:16]} cannot be read at {where}: {first['msg']}") from None
    if document.format != FORMAT or not document.asked:
        raise ReportError(f"the evidence pack has format {document.format}; this version reads format {FORMAT}")
    return document
