"""tickets as systems show them, the audit trail, recurring maintenance"""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "triage_audit",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("case_number", sa.BigInteger(), nullable=True),
        sa.Column("site", sa.String(length=100), nullable=True),
        sa.Column("inbox_seq", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_triage_audit")),
        sa.UniqueConstraint("previous", name=op.f("uq_triage_audit_previous")),
    )
    with op.batch_alter_table("triage_audit") as table:
        table.create_index("ix_triage_audit_case_number", ["case_number"], unique=False)
        table.create_index("ix_triage_audit_site", ["site"], unique=False)
        table.create_index("ix_triage_audit_inbox_seq", ["inbox_seq"], unique=False)
    _chain_decisions(op.get_bind())
    op.drop_table("triage_decision")

    op.create_table(
        "ticket_relation",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("ticket_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("related", sa.String(length=200), nullable=False),
        sa.Column("relation", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["ticket_number"], ["ticket.number"], name=op.f("fk_ticket_relation_ticket_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ticket_relation")),
    )
    with op.batch_alter_table("ticket_relation") as table:
        table.create_index("ix_ticket_relation_ticket_number", ["ticket_number"], unique=False)
        table.create_index("uq_ticket_relation_once", ["ticket_number", "related", "relation"], unique=True)

    op.create_table(
        "ticket_status_change",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("ticket_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_number"], ["ticket.number"], name=op.f("fk_ticket_status_change_ticket_number")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ticket_status_change")),
        sa.UniqueConstraint("key", name=op.f("uq_ticket_status_change_key")),
    )
    with op.batch_alter_table("ticket_status_change") as table:
        table.create_index("ix_ticket_status_change_ticket_number", ["ticket_number"], unique=False)

    op.create_table(
        "triage_ticket",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("system", sa.String(length=40), nullable=False),
        sa.Column("ticket", sa.String(length=200), nullable=False),
        sa.Column("case_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=True),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["triage_case.number"], name=op.f("fk_triage_ticket_case_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_triage_ticket")),
    )
    with op.batch_alter_table("triage_ticket") as table:
        table.create_index("ix_triage_ticket_case_number", ["case_number"], unique=False)
        table.create_index("uq_triage_ticket_once", ["system", "ticket"], unique=True)

    with op.batch_alter_table("inventory_maintenance") as table:
        table.add_column(sa.Column("recurrence", sa.String(), server_default="", nullable=False))
        table.add_column(sa.Column("timezone", sa.String(), server_default="UTC", nullable=False))
        table.add_column(sa.Column("source", sa.String(), server_default="person", nullable=False))
        table.add_column(sa.Column("status", sa.String(), server_default="confirmed", nullable=False))
        table.add_column(sa.Column("notice", sa.JSON(), server_default="{}", nullable=False))

    with op.batch_alter_table("ticket") as table:
        table.add_column(sa.Column("owner", sa.String(length=100), server_default="", nullable=False))
        table.add_column(sa.Column("queue", sa.String(length=100), server_default="", nullable=False))
        table.add_column(
            sa.Column("ticket_type", sa.String(length=40), server_default="service_affecting", nullable=False)
        )
        table.add_column(sa.Column("document", sa.JSON(), server_default="{}", nullable=False))

    with op.batch_alter_table("ticket_note") as table:
        table.add_column(sa.Column("ours", sa.Boolean(), server_default="1", nullable=False))

    with op.batch_alter_table("triage_case") as table:
        table.add_column(sa.Column("link", sa.String(length=100), nullable=True))
        table.add_column(sa.Column("cause", sa.String(length=20), server_default="none", nullable=False))
        table.add_column(sa.Column("severity", sa.String(length=20), nullable=True))
        table.add_column(sa.Column("onset", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("alone", sa.Boolean(), server_default="0", nullable=False))
        table.add_column(sa.Column("pending", sa.String(length=20), nullable=True))
        table.add_column(sa.Column("sites", sa.Integer(), server_default="0", nullable=False))
        table.create_index("ix_triage_case_ticket", ["ticket"], unique=False)
        table.create_index("ix_triage_case_site", ["site", "number"], unique=False)
    _tell_columns(op.get_bind())

    with op.batch_alter_table("triage_outbox") as table:
        table.add_column(sa.Column("tried_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("interrupted", sa.Integer(), nullable=False, server_default="0"))
        table.create_index("ix_triage_outbox_case", ["case_number", "number"], unique=False)
        undone = sa.text("done_at IS NULL")
        table.create_index(
            "ix_triage_outbox_undone", ["number"], unique=False, sqlite_where=undone, postgresql_where=undone
        )


CASE = sa.table(
    "triage_case",
    *(sa.column(name) for name in ("number", "link", "cause", "severity", "onset", "alone", "sites")),
    sa.column("document", sa.JSON),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _tell_columns(connection: sa.Connection) -> None:
    """What is searched for stands in columns of its own."""
    for number, document in connection.execute(sa.select(CASE.c.number, CASE.c.document)).all():
        onset = datetime.fromisoformat(document["onset"]) if document["onset"] else None
        said = {name: document[name] for name in ("link", "cause", "severity")}
        counted = {"alone": document.get("alone", False), "sites": document.get("sites", 0)}
        at = (onset - EPOCH) // timedelta(milliseconds=1) if onset is not None else None
        connection.execute(CASE.update().where(CASE.c.number == number).values(onset=at, **said, **counted))


AUDIT = sa.table(
    "triage_audit",
    *(sa.column(name) for name in ("number", "at", "case_number", "site", "inbox_seq", "kind", "reason", "actor")),
    sa.column("document", sa.JSON),
    sa.column("previous"),
    sa.column("sha256"),
)


def _chain_decisions(connection: sa.Connection) -> None:
    """The decisions that were kept until now begin the audit trail, in their order."""
    previous = "0" * 64
    kept = connection.execute(sa.text("SELECT * FROM triage_decision ORDER BY number")).mappings().all()
    for number, decision in enumerate(kept, 1):
        row = {
            "number": number,
            "at": decision["made_at"],
            "case_number": decision["case_number"],
            "site": decision["site"],
            "inbox_seq": decision["inbox_seq"],
            "kind": "decision",
            "reason": decision["reason"],
            "actor": "lineproof",
            "document": {"policy": decision["policy"], "detail": decision["detail"]},
            "previous": previous,
        }
        canonical = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(canonical.encode()).hexdigest()
        connection.execute(AUDIT.insert().values(**row, sha256=previous))


def _unchain_decisions(connection: sa.Connection) -> None:
    decisions = sa.table(
        "triage_decision",
        *(sa.column(name) for name in ("inbox_seq", "case_number", "site", "made_at", "reason", "policy", "detail")),
    )
    kept = sa.select(AUDIT).where(AUDIT.c.kind == "decision").order_by(AUDIT.c.number)
    for row in connection.execute(kept).mappings().all():
        names = ("inbox_seq", "case_number", "site", "reason")
        said = {name: row["document"][name] for name in ("policy", "detail")}
        connection.execute(decisions.insert().values(made_at=row["at"], **{name: row[name] for name in names}, **said))


def downgrade() -> None:
    with op.batch_alter_table("triage_outbox") as table:
        table.drop_index("ix_triage_outbox_undone")
        table.drop_index("ix_triage_outbox_case")
        table.drop_column("interrupted")
        table.drop_column("tried_at")

    with op.batch_alter_table("triage_case") as table:
        table.drop_index("ix_triage_case_site")
        table.drop_index("ix_triage_case_ticket")
        for name in ("sites", "pending", "alone", "onset", "severity", "cause", "link"):
            table.drop_column(name)

    with op.batch_alter_table("ticket_note") as table:
        table.drop_column("ours")

    with op.batch_alter_table("ticket") as table:
        table.drop_column("document")
        table.drop_column("ticket_type")
        table.drop_column("queue")
        table.drop_column("owner")

    with op.batch_alter_table("inventory_maintenance") as table:
        table.drop_column("notice")
        table.drop_column("status")
        table.drop_column("source")
        table.drop_column("timezone")
        table.drop_column("recurrence")

    with op.batch_alter_table("triage_ticket") as table:
        table.drop_index("uq_triage_ticket_once")
        table.drop_index("ix_triage_ticket_case_number")

    op.drop_table("triage_ticket")
    with op.batch_alter_table("ticket_status_change") as table:
        table.drop_index("ix_ticket_status_change_ticket_number")

    op.drop_table("ticket_status_change")
    with op.batch_alter_table("ticket_relation") as table:
        table.drop_index("uq_ticket_relation_once")
        table.drop_index("ix_ticket_relation_ticket_number")

    op.drop_table("ticket_relation")
    op.create_table(
        "triage_decision",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("inbox_seq", sa.BigInteger(), nullable=False),
        sa.Column("case_number", sa.BigInteger(), nullable=True),
        sa.Column("site", sa.String(length=100), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("policy", sa.String(length=80), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_triage_decision")),
    )
    with op.batch_alter_table("triage_decision") as table:
        table.create_index("ix_triage_decision_case_number", ["case_number"], unique=False)
        table.create_index("ix_triage_decision_inbox_seq", ["inbox_seq"], unique=False)
    _unchain_decisions(op.get_bind())
    with op.batch_alter_table("triage_audit") as table:
        table.drop_index("ix_triage_audit_inbox_seq")
        table.drop_index("ix_triage_audit_site")
        table.drop_index("ix_triage_audit_case_number")

    op.drop_table("triage_audit")
