"""The tables of triage. Documents are JSON of the frozen dataclasses; what is searched for has a column of its own."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from config.database import metadata

# Times are epoch milliseconds: they sort and compare alike in SQLite and PostgreSQL.
Moment = BigInteger
Sequence = BigInteger().with_variant(Integer, "sqlite")

inbox = Table(
    "triage_inbox",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("key", String(200), unique=True, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("now", Moment, nullable=False),
    Column("document", JSON, nullable=False),
    Column("consumed_at", Moment),
    Index("ix_triage_inbox_waiting", "seq", sqlite_where=text("consumed_at IS NULL")),
)

lease = Table(
    "triage_lease",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(100), nullable=False),
    Column("expires_at", Moment, nullable=False),
)

case = Table(
    "triage_case",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("client", String(100), nullable=False),
    Column("site", String(100), nullable=False),
    Column("status", String(20), nullable=False),
    Column("open", Boolean, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("ticket", String(100), index=True),
    Column("parent", BigInteger, index=True),
    Column("link", String(100)),
    Column("cause", String(20), nullable=False, server_default="none"),
    Column("severity", String(20)),
    Column("onset", Moment),
    Column("alone", Boolean, nullable=False, server_default="0"),
    Column("pending", String(20)),
    Column("sites", Integer, nullable=False, server_default="0"),
    Column("document", JSON, nullable=False),
    Index(
        "uq_triage_case_open",
        "client",
        "site",
        unique=True,
        sqlite_where=text("open = 1"),
        postgresql_where=text("open"),
    ),
    Index("ix_triage_case_site", "site", "number"),
)

trouble = Table(
    "triage_trouble",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("case_number", ForeignKey("triage_case.number"), nullable=False, index=True),
    Column("link", String(100), nullable=False),
    Column("cause", String(20), nullable=False),
    Column("onset", Moment, nullable=False),
    Column("end", Moment),
    Index("ix_triage_trouble_link_onset", "link", "onset"),
)

verdict = Table(
    "triage_verdict",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("case_number", ForeignKey("triage_case.number"), nullable=False, index=True),
    Column("inbox_seq", BigInteger, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("evidence_sha256", String(64), nullable=False),
    Column("document", JSON, nullable=False),
)

proposal = Table(
    "triage_proposal",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("case_number", ForeignKey("triage_case.number"), nullable=False, index=True),
    Column("status", String(20), nullable=False),
    Column("document", JSON, nullable=False),
)

timer = Table(
    "triage_timer",
    metadata,
    Column("case_number", ForeignKey("triage_case.number"), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("due_at", Moment, nullable=False, index=True),
)

outbox = Table(
    "triage_outbox",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("key", String(200), unique=True, nullable=False),
    Column("case_number", ForeignKey("triage_case.number"), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("status", String(20), nullable=False, index=True),
    Column("attempts", Integer, nullable=False, default=0),
    Column("interrupted", Integer, nullable=False, default=0),
    Column("next_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("done_at", Moment),
    Column("tried_at", Moment),
    Column("last_error", Text, nullable=False, default=""),
    Column("document", JSON, nullable=False),
    Index("ix_triage_outbox_case", "case_number", "number"),
    Index(
        "ix_triage_outbox_undone",
        "number",
        sqlite_where=text("done_at IS NULL"),
        postgresql_where=text("done_at IS NULL"),
    ),
)

case_ticket = Table(
    "triage_ticket",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("system", String(40), nullable=False),
    Column("ticket", String(200), nullable=False),
    Column("case_number", ForeignKey("triage_case.number"), nullable=False, index=True),
    Column("key", String(200), nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("looked_at", Moment),
    Column("seen", JSON, nullable=False),
    Index("uq_triage_ticket_once", "system", "ticket", unique=True),
)

audit = Table(
    "triage_audit",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("case_number", BigInteger, index=True),
    Column("site", String(100), index=True),
    Column("inbox_seq", BigInteger, index=True),
    Column("kind", String(20), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("document", JSON, nullable=False),
    Column("previous", String(64), unique=True, nullable=False),
    Column("sha256", String(64), nullable=False),
)

policy = Table(
    "triage_policy",
    metadata,
    Column("hash", String(80), primary_key=True),
    Column("first_used_at", Moment, nullable=False),
    Column("document", JSON, nullable=False),
)

ticket = Table(
    "ticket",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("external_id", String(200), unique=True, nullable=False),
    Column("status", String(20), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("client", String(100), nullable=False, index=True),
    Column("site", String(100), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("resolved_at", Moment),
    Column("owner", String(100), nullable=False, server_default=""),
    Column("queue", String(100), nullable=False, server_default=""),
    Column("ticket_type", String(40), nullable=False, server_default="service_affecting"),
    Column("document", JSON, nullable=False, server_default="{}"),
)

ticket_status_change = Table(
    "ticket_status_change",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("ticket_number", ForeignKey("ticket.number"), nullable=False, index=True),
    Column("key", String(200), unique=True, nullable=False),
    Column("status", String(20), nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("author", String(100), nullable=False),
    Column("reason", Text, nullable=False),
)

ticket_relation = Table(
    "ticket_relation",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("ticket_number", ForeignKey("ticket.number"), nullable=False, index=True),
    Column("related", String(200), nullable=False),
    Column("relation", String(40), nullable=False),
    Index("uq_ticket_relation_once", "ticket_number", "related", "relation", unique=True),
)

ticket_note = Table(
    "ticket_note",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("ticket_number", ForeignKey("ticket.number"), nullable=False, index=True),
    Column("key", String(200), unique=True, nullable=False),
    Column("author", String(100), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("text", Text, nullable=False),
    Column("ours", Boolean, nullable=False, server_default="1"),
)

ticket_attachment = Table(
    "ticket_attachment",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("ticket_number", ForeignKey("ticket.number"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("uq_ticket_attachment_once", "ticket_number", "name", "sha256", unique=True),
)
