"""HTML and PDF say the same, the same each time, and take no string for markup."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pypdf import PdfReader

from reports.chart import document
from reports.delivery import deliver, file_name, report_files
from reports.glyphs import BUNDLED
from reports.html import content_security_policy, html_page
from reports.model import (
    Attachment,
    Cell,
    Column,
    Figure,
    Report,
    ReportError,
    Row,
    Rows,
    Section,
    Table,
    Text,
    Tone,
)
from reports.pdf import pdf_document
from triage.evidence import EvidenceFile

HOSTILE = (
    "<script>alert(1)</script>",
    '#eval("1") #panic() $x$ @ref *bold* _it_ `raw` ] ) } \\ // /* --',
    '"; #let x = 1; "',
    "{{ 7*7 }} {% raw %} &amp;",
)


class Words(HTMLParser):
    """The text of a page, without its style sheet."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] != "style":
            self.found.append(data)


def squeezed(text: str) -> str:
    """Without any white space: a PDF keeps line breaks, not spaces."""
    return re.sub(r"[\s\u200b]+", "", text)


def strings(report: Report) -> Iterator[str]:
    yield from (report.kind, report.title, report.subtitle, report.issuer, report.headline, report.footer)
    yield from report.footnotes
    for row in (*report.highlights, *report.meta):
        yield from (row.label, row.value)
    for section in report.sections:
        yield section.title
        for block in section.blocks:
            match block:
                case Text():
                    yield block.text
                case Rows():
                    yield from (word for row in block.rows for word in (row.label, row.value))
                case Table():
                    yield block.caption
                    yield from (column.title for column in block.columns)
                    yield from (cell.text for row in block.rows for cell in row)
                case Figure():
                    yield block.caption


def report_of(words: str, tone: Tone = Tone.BAD) -> Report:
    """A report that has the words in every place."""
    drawing = document("figure", words, words, 40, [])
    return Report(
        id="test-1",
        kind=words,
        title=words,
        subtitle=words,
        issuer=words,
        headline=words,
        tone=tone,
        highlights=(Row(words, words, Tone.GOOD),),
        meta=(Row(words, words),),
        sections=(
            Section(words, (Text(words), Text(words, "quote"), Text(words, "note"), Text(words, "code"))),
            Section(
                words, (Rows((Row(words, words, Tone.WARNING),)), Figure("figure", drawing, words, words)), level=2
            ),
            Section(words, (Table(words, (Column(words), Column(words, "right")), ((Cell(words), Cell(words)),)),)),
        ),
        footnotes=(words,),
        footer=words,
        made_at=datetime(2026, 3, 3, 12, tzinfo=UTC),
        attachments=(Attachment("pack.json", "application/json", b'{"words":1}', "the pack"),),
    )


def pdf_text(content: bytes) -> str:
    return squeezed("".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages))


def test_html_and_pdf_contain_every_string_of_the_report() -> None:
    report = report_of("Größe: 12.5 % – 48.2 Mbit/s, 2026-03-03 12:30 CST")
    page, pdf = squeezed("".join(Words(html_page(report)).found)), pdf_text(pdf_document(report))
    for string in strings(report):
        assert squeezed(string) in page
        assert squeezed(string) in pdf


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_come_out_as_they_are(words: str) -> None:
    report = report_of(words)
    page = Words(html_page(report))
    assert "script" not in page.tags
    assert words in "".join(page.found)
    assert squeezed(words) in pdf_text(pdf_document(report))


@pytest.mark.parametrize(
    "words",
    [
        "متجر ٢٣ – חנות",
        "店舗 渋谷 🙂",
        "a\x00b\x1bc\u202ed",
        "x" * 300,
        "e\u0301 \u200b \ufeff",
        "⟦⟧ → ≥ − ☃ \U0010ffff",
    ],
)
def test_any_script_makes_a_report(words: str) -> None:
    report = report_of(words)
    assert pdf_document(report).startswith(b"%PDF")
    assert "\x00" not in html_page(report)


def test_what_typst_brings_is_really_there() -> None:
    assert pdf_document(report_of("".join(map(chr, sorted(BUNDLED)))))


def test_the_same_report_has_the_same_bytes() -> None:
    first, second = (report_files(report_of("same")) for _ in range(2))
    assert first == second


def test_the_pdf_is_an_archive_that_carries_the_pack_and_can_be_read_aloud() -> None:
    reader = PdfReader(io.BytesIO(pdf_document(report_of("words"))))
    metadata = str(reader.xmp_metadata.stream.get_data() if reader.xmp_metadata else "")
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert [content for _, contents in reader.attachments.items() for content in contents] == [b'{"words":1}']
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.outline


def test_the_page_forbids_scripts_and_everything_from_outside() -> None:
    page = html_page(report_of("words"))
    assert content_security_policy().startswith("default-src 'none'; style-src 'sha256-")
    assert 'http-equiv="Content-Security-Policy"' in page
    assert "style=" not in page
    assert not re.search(r"(src|href)=", page)


def test_a_row_with_too_few_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="has not 2 cells"):
        Table("caption", (Column("a"), Column("b")), ((Cell("1"),),))


def test_files_keep_their_names_and_cannot_leave_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    files = (
        EvidenceFile("../../etc/passwd", "text/plain", b"1"),
        EvidenceFile("evidence-C-12.html", "text/html", b"2"),
    )
    paths = deliver(files, folder)
    assert [path.name for path in paths] == ["-..-etc-passwd", "evidence-C-12.html"]
    assert sorted(folder.iterdir()) == sorted(paths)
    assert file_name("...") == "report"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(ReportError, match=r"cannot write reports to .*file"):
        deliver((EvidenceFile("a.html", "text/html", b""),), blocked / "below")
