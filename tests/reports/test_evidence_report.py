"""What an evidence report says: the verdict, the figures that carry it, and how to check them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from pypdf import PdfReader

from collector.model import FIELDS
from reports.evidence import ReportRenderer, evidence_files, evidence_report
from reports.evidence_charts import focus
from reports.model import Figure, Report, ReportError, Rows, Table, Text
from reports.pack import read_pack
from reports.words import UNFIT_WORDS
from triage.evidence import EvidencePack
from triage.model import UnfitReason
from triage.words import METRIC_WORDS

PackMaker = Callable[..., EvidencePack]
Maker = Callable[..., dict[str, Any]]
QUIET: dict[str, Any] = {
    "verdict": "not_substantiated", "cause": "none", "severity": None, "onset": None, "end": None, "link": None,
    "findings": [], "runner_up": None, "options": [],
    "reason": "Nothing measured at the reported time was worse than ordinary for these lines at this hour.",
}  # fmt: skip
FACTS = [
    {"time": f"2026-03-03T18:{minute:02}:00Z", "subject": "store-114-wan1", "kind": "link_state",
     "value": "disconnected" if minute >= 30 else "stable", "source": "orchestrator",
     "received_at": f"2026-03-03T18:{minute:02}:05Z", "detail": "DISCONNECTED" if minute >= 30 else "STABLE"}
    for minute in range(26, 34)
]  # fmt: skip


def words_of(report: Report) -> Iterator[str]:
    yield from (report.title, report.subtitle, report.headline, report.footer, *report.footnotes)
    yield from (f"{row.label}: {row.value}" for row in (*report.highlights, *report.meta))
    for section in report.sections:
        yield section.title
        for block in section.blocks:
            match block:
                case Text():
                    yield block.text
                case Rows():
                    yield from (f"{row.label}: {row.value}" for row in block.rows)
                case Table():
                    yield from (block.caption, *(" | ".join(cell.text for cell in row) for row in block.rows))
                case Figure():
                    yield from (block.alt, block.caption)


def said(report: Report) -> str:
    return "\n".join(words_of(report))


def test_a_confirmed_loss_names_line_time_value_ordinary_and_threshold(make_pack: PackMaker) -> None:
    report = evidence_report(make_pack(), "C-12")
    assert (
        report.headline
        == "Confirmed: packet loss on store-114-wan1 (Charter), since 2026-03-03 12:30 CST, still lasting."
    )
    text = said(report)
    assert "the mean of the packet loss was 12.5 %, the threshold is 8 %; ordinary at this hour is 0.1 %" in text
    assert "Card payments time out and the tills freeze since half past twelve." in text
    assert "Samples of the time in question: 26 of 26 expected (100.0 %)" in text
    assert "packet loss: 1.5 %" in text
    assert "44.KFGN.004512" in text
    assert "Line filled by the site's own traffic: the line carried 60 % of its committed rate at most." in text
    assert "1 | store-114-lte | steer all | yes | 70.0 % | not known | yes | no" in text


def test_the_value_is_computed_again_from_the_packs_samples(make_pack: PackMaker) -> None:
    """26 samples from 18:30 on, 15 and 10 % in turn: 325 / 26 = 12.5."""
    assert "Computed again from the pack: 12.5 % – agrees" in said(evidence_report(make_pack(), "C-12"))


def test_a_value_that_the_samples_do_not_give_is_called_out(make_pack: PackMaker, finding_of: Maker) -> None:
    report = evidence_report(make_pack(verdict={"findings": [finding_of(value=13.0)]}), "C-12")
    assert "Computed again from the pack: 12.5 % – does not agree with the value above" in said(report)


def test_a_finding_without_samples_says_that_it_cannot_be_computed_again(make_pack: PackMaker) -> None:
    assert "Computed again from the pack: not possible" in said(evidence_report(make_pack(series=[]), "C-12"))


def test_the_table_shows_samples_before_and_within_the_trouble(make_pack: PackMaker) -> None:
    report = evidence_report(make_pack(), "C-12")
    table = next(
        block for section in report.sections for block in section.blocks
        if isinstance(block, Table) and block.caption.startswith("Samples")
    )  # fmt: skip
    parts = [row[1].text for row in table.rows]
    assert parts == ["before"] * 4 + ["degraded"] * 14
    assert "Degraded samples not shown here: 12; they are in the pack." in table.caption
    assert table.rows[4][0].text == "2026-03-03 12:30 CST"


def test_the_chart_shades_the_trouble_against_baseline_and_threshold_and_hatches_the_gap(make_pack: PackMaker) -> None:
    report = evidence_report(make_pack(), "C-12")
    chart = next(
        block.svg for section in report.sections for block in section.blocks
        if isinstance(block, Figure) and block.id == "finding-1"
    )  # fmt: skip
    assert chart.count('class="span"') == 1
    assert chart.count('class="gap"') == 1
    assert 'class="ordinary"' in chart
    assert ">threshold 8 %</text>" in chart


def test_the_report_names_its_pack_by_its_digest_and_how_to_check_it(make_pack: PackMaker) -> None:
    pack = make_pack()
    text = said(evidence_report(pack, "C-12"))
    assert f"SHA-256 of the pack: {pack.sha256}" in text
    assert "Policy: sha256:9b1c7f0e" in text
    assert "sha256sum evidence-C-12.json" in text
    assert "lineproof case show C-12 --verify" in text


def test_nothing_found_is_an_honest_answer_with_the_data(make_pack: PackMaker) -> None:
    report = evidence_report(make_pack(verdict=QUIET), "C-13")
    assert report.headline.startswith("We looked: at the time in question nothing was measured that is worse")
    figures = [block.id for section in report.sections for block in section.blocks if isinstance(block, Figure)]
    assert figures == [
        "line-1-probe-loss-pct", "line-1-probe-rtt-ms", "line-1-probe-jitter-ms", "traffic-1",
        "line-2-probe-loss-pct", "line-2-probe-rtt-ms", "line-2-probe-jitter-ms", "traffic-2", "states",
    ]  # fmt: skip
    assert "The smallest fault that this measurement would have shown:" in said(report)


def test_too_little_measured_is_said_as_that_with_until_when(make_pack: PackMaker) -> None:
    coverage = {"present": 3, "expected": 26, "pending": 10, "newest": None}
    waiting = {**QUIET, "verdict": "inconclusive", "cause": "no_data", "coverage": coverage}
    report = evidence_report(make_pack(verdict={**waiting, "rejudge_at": "2026-03-03T19:15:00Z"}, series=[]), "C-14")
    assert report.headline == (
        "Open: too little was measured to say whether something was wrong. "
        "What is missing is due by 2026-03-03 13:15 CST."
    )
    text = said(report)
    assert "Nothing was measured on this line." in text
    assert "Newest sample: not known" in text


def test_a_recovered_trouble_says_from_when_to_when(make_pack: PackMaker, finding_of: Maker) -> None:
    end = {"end": "2026-03-03T18:45:00Z"}
    report = evidence_report(
        make_pack(verdict={"verdict": "recovered", **end, "findings": [finding_of(**end)]}), "C-15"
    )
    assert report.headline == (
        "Confirmed, and over: packet loss on store-114-wan1 (Charter), 2026-03-03 12:30 – 12:45 CST."
    )
    text = said(report)
    assert "2026-03-03 12:45 CST | after" in text
    assert "Degraded samples not shown here: 1;" in text
    assert "Lasted: 15 min" in text


def test_a_trouble_that_nobody_reported_is_told_as_found_by_measurement(make_pack: PackMaker) -> None:
    report = evidence_report(make_pack(claim=None), "C-16")
    assert report.headline.startswith("Found by measurement: packet loss")
    assert "What the client reported" not in [section.title for section in report.sections]


def test_a_line_that_its_source_calls_disconnected_is_proved_by_what_the_source_said(
    make_pack: PackMaker, finding_of: Maker
) -> None:
    down = finding_of(
        source="orchestrator", metric="fact:link_state", cause="link_down", value=4.0, unit="", baseline=0.0,
        threshold=1.0, statistic="sum", rule="link_state disconnected for at least 120 s", bad_samples=4,
    )  # fmt: skip
    report = evidence_report(make_pack(verdict={"cause": "link_down", "findings": [down]}, facts=FACTS), "C-17")
    text = said(report)
    assert "Computed again from the pack: 4 – agrees" in text
    assert "2026-03-03 12:30 CST | store-114-wan1 | disconnected | DISCONNECTED" in text


@pytest.mark.parametrize("verdict", [{}, QUIET, {**QUIET, "verdict": "inconclusive", "cause": "no_data"}])
def test_no_report_shows_a_none_a_nan_or_a_code_name(make_pack: PackMaker, verdict: dict[str, Any]) -> None:
    text = said(evidence_report(make_pack(verdict=verdict), "C-12"))
    assert not re.search(r"\b(None|nan|NaN|inf|null)\b", text)
    assert not [name for name in FIELDS if "_" in name and name in text]


def test_absent_figures_are_not_measured_or_not_stated_and_never_zero(make_pack: PackMaker, finding_of: Maker) -> None:
    report = evidence_report(make_pack(verdict={"findings": [finding_of(baseline=None)]}), "C-12")
    assert ("ordinary at this hour", "not measured") in [(row.label, row.value) for row in report.highlights]
    assert "ordinary at this hour is" not in said(report)
    assert "store-114-lte | secondary, LTE | AT&T Mobility | not stated | not stated | 50" in said(report)


async def test_the_renderer_gives_html_pdf_and_the_pack_byte_for_byte(make_pack: PackMaker) -> None:
    pack = make_pack()
    first, second = [await ReportRenderer("Northwind Telecom").render(pack, "C-12") for _ in range(2)]
    assert first == second
    assert [(file.name, file.media_type) for file in first] == [
        ("evidence-C-12.html", "text/html"),
        ("evidence-C-12.pdf", "application/pdf"),
        ("evidence-C-12.json", "application/json"),
    ]
    assert first[2].content == pack.content
    attached = PdfReader(io.BytesIO(first[1].content)).attachments
    assert attached["evidence-C-12.json"] == [pack.content]


def test_the_pdf_is_an_archive_file_that_carries_what_it_was_made_from(make_pack: PackMaker) -> None:
    """ISO 19005-3: the XMP names part and conformance; each file inside says how it is related (AFRelationship)."""
    pack = make_pack()
    reader = PdfReader(io.BytesIO(evidence_files(pack, "C-12")[1].content))
    root = reader.trailer["/Root"].get_object()
    xmp = root["/Metadata"].get_data().decode()  # type: ignore[index]
    assert "<pdfaid:part>3</pdfaid:part>" in xmp
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in xmp
    files = {file.name: file for file in reader.attachment_list}
    related = {name: (file.associated_file_relationship, file.subtype) for name, file in files.items()}
    assert related == {
        "evidence-C-12.json": ("/Source", "/application/json"),
        "evidence-C-12-samples.csv": ("/Data", "/text/csv"),
        "evidence-C-12-samples.parquet": ("/Data", "/application/vnd.apache.parquet"),
    }
    assert len(root["/AF"]) == 3  # type: ignore[index]
    assert files["evidence-C-12.json"].content == pack.content


def test_the_tables_inside_hold_the_packs_samples(make_pack: PackMaker) -> None:
    pack = make_pack()
    packed = pack.document()["series"]
    reader = PdfReader(io.BytesIO(evidence_files(pack, "C-12")[1].content))
    files = {file.name.rpartition(".")[2]: file.content for file in reader.attachment_list}
    rows = list(csv.DictReader(io.StringIO(files["csv"].decode())))
    frame = pl.read_parquet(io.BytesIO(files["parquet"]))
    assert len(rows) == len(frame) == sum(len(one["time"]) for one in packed)
    first = packed[0]
    assert (rows[0]["link"], rows[0]["source"]) == (first["link"], first["source"])
    for name, values in first["fields"].items():
        of_csv = [float(row[name]) if row[name] else None for row in rows[: len(values)]]
        assert of_csv == frame[name].head(len(values)).to_list() == values


def test_a_pack_that_was_changed_is_refused(make_pack: PackMaker) -> None:
    pack = make_pack()
    with pytest.raises(ReportError, match="was changed after it was made"):
        evidence_report(EvidencePack(pack.content.replace(b"12.5", b"2.5"), pack.sha256), "C-12")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"format": 2}, "has format 2"),
        ({"made_at": "yesterday"}, "cannot be read at made_at"),
        ({"made_at": "2026-03-03T18:56:00"}, "cannot be read at made_at"),
        ({"verdict": {"verdict": "maybe"}}, "cannot be read at verdict.verdict"),
        ({"series": [{"link": "a", "source": "probe", "seconds": 60, "time": [1], "fields": {"rtt_ms": []}}]},
         "cannot be read at series.0"),
    ],
)  # fmt: skip
def test_a_pack_of_another_shape_is_refused_by_name(make_pack: PackMaker, changes: dict[str, Any], where: str) -> None:
    with pytest.raises(ReportError, match=where):
        evidence_report(make_pack(**changes), "C-12")


def test_the_charts_show_the_trouble_with_at_least_as_much_before_it(make_pack: PackMaker) -> None:
    start, end = focus(read_pack(make_pack()))
    assert start == datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
    assert end == datetime(2026, 3, 3, 18, 56, tzinfo=UTC)
    long_ago = focus(read_pack(make_pack(verdict={"findings": []}, claim={"since": "2026-03-03T08:52:00Z"})))
    assert long_ago[0] <= datetime(2026, 3, 3, 8, 52, tzinfo=UTC) - timedelta(hours=9)


def test_every_measurement_and_every_reason_has_its_words() -> None:
    assert set(FIELDS) <= set(METRIC_WORDS)
    assert {reason.value for reason in UnfitReason} == set(UNFIT_WORDS)
