"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "inventory_client",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("contacts", sa.JSON(), nullable=False),
        sa.Column("monthly_charge", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("reports", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_client")),
    )
    op.create_table(
        "inventory_maintenance",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("start", sa.String(), nullable=False),
        sa.Column("end", sa.String(), nullable=False),
        sa.Column("sites", sa.JSON(), nullable=False),
        sa.Column("links", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_maintenance")),
    )
    with op.batch_alter_table("inventory_maintenance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inventory_maintenance_end"), ["end"], unique=False)

    op.create_table(
        "ticket",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("client", sa.String(length=100), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ticket")),
        sa.UniqueConstraint("external_id", name=op.f("uq_ticket_external_id")),
    )
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_client"), ["client"], unique=False)

    op.create_table(
        "triage_case",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("client", sa.String(length=100), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ticket", sa.String(length=100), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_triage_case")),
    )
    with op.batch_alter_table("triage_case", schema=None) as batch_op:
        batch_op.create_index(
            "uq_triage_case_open",
            ["client", "site"],
            unique=True,
            sqlite_where=sa.text("open = 1"),
            postgresql_where=sa.text("open"),
        )

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
    with op.batch_alter_table("triage_decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_triage_decision_case_number"), ["case_number"], unique=False)
        batch_op.create_index(batch_op.f("ix_triage_decision_inbox_seq"), ["inbox_seq"], unique=False)

    op.create_table(
        "triage_inbox",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("now", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("consumed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_triage_inbox")),
        sa.UniqueConstraint("key", name=op.f("uq_triage_inbox_key")),
    )
    with op.batch_alter_table("triage_inbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_triage_inbox_waiting", ["seq"], unique=False, sqlite_where=sa.text("consumed_at IS NULL")
        )

    op.create_table(
        "triage_lease",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=100), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_triage_lease")),
    )
    op.create_table(
        "triage_policy",
        sa.Column("hash", sa.String(length=80), nullable=False),
        sa.Column("first_used_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_triage_policy")),
    )
    op.create_table(
        "inventory_site",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("market", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("business_hours", sa.JSON(), nullable=False),
        sa.Column("holidays", sa.JSON(), nullable=False),
        sa.Column("access_hours", sa.String(), nullable=False),
        sa.Column("on_site_contact", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["client"], ["inventory_client.id"], name=op.f("fk_inventory_site_client")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_site")),
    )
    with op.batch_alter_table("inventory_site", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inventory_site_client"), ["client"], unique=False)

    op.create_table(
        "ticket_attachment",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("ticket_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_number"], ["ticket.number"], name=op.f("fk_ticket_attachment_ticket_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ticket_attachment")),
    )
    with op.batch_alter_table("ticket_attachment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_attachment_ticket_number"), ["ticket_number"], unique=False)
        batch_op.create_index("uq_ticket_attachment_once", ["ticket_number", "name", "sha256"], unique=True)

    op.create_table(
        "ticket_note",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("ticket_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_number"], ["ticket.number"], name=op.f("fk_ticket_note_ticket_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ticket_note")),
        sa.UniqueConstraint("key", name=op.f("uq_ticket_note_key")),
    )
    with op.batch_alter_table("ticket_note", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_note_ticket_number"), ["ticket_number"], unique=False)

    op.create_table(
        "triage_outbox",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("case_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["triage_case.number"], name=op.f("fk_triage_outbox_case_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_triage_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_triage_outbox_key")),
    )
    with op.batch_alter_table("triage_outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_triage_outbox_status"), ["status"], unique=False)

    op.create_table(
        "triage_proposal",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["triage_case.number"], name=op.f("fk_triage_proposal_case_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_triage_proposal")),
    )
    with op.batch_alter_table("triage_proposal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_triage_proposal_case_number"), ["case_number"], unique=False)

    op.create_table(
        "triage_timer",
        sa.Column("case_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["triage_case.number"], name=op.f("fk_triage_timer_case_number")),
        sa.PrimaryKeyConstraint("case_number", "kind", name=op.f("pk_triage_timer")),
    )
    with op.batch_alter_table("triage_timer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_triage_timer_due_at"), ["due_at"], unique=False)

    op.create_table(
        "triage_verdict",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inbox_seq", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("evidence_sha256", sa.String(length=64), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["triage_case.number"], name=op.f("fk_triage_verdict_case_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_triage_verdict")),
    )
    with op.batch_alter_table("triage_verdict", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_triage_verdict_case_number"), ["case_number"], unique=False)

    op.create_table(
        "inventory_device",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("serials", sa.JSON(), nullable=False),
        sa.Column("management_address", sa.String(), nullable=True),
        sa.Column("snmp", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("orchestrator", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("command_line", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("life_cycle", sa.String(), nullable=False),
        sa.Column("monitoring", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["inventory_site.id"], name=op.f("fk_inventory_device_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_device")),
    )
    with op.batch_alter_table("inventory_device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inventory_device_site"), ["site"], unique=False)

    op.create_table(
        "inventory_site_alias",
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site"], ["inventory_site.id"], name=op.f("fk_inventory_site_alias_site"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("site", "alias", name=op.f("pk_inventory_site_alias")),
    )
    with op.batch_alter_table("inventory_site_alias", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inventory_site_alias_alias"), ["alias"], unique=False)

    op.create_table(
        "inventory_link",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=True),
        sa.Column("interface", sa.String(), nullable=True),
        sa.Column("orchestrator_link", sa.String(), nullable=True),
        sa.Column("access", sa.String(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("probe_target", sa.String(), nullable=True),
        sa.Column("next_hop", sa.String(), nullable=True),
        sa.Column("carrier", sa.String(), nullable=True),
        sa.Column("underlying_carrier", sa.String(), nullable=True),
        sa.Column("circuit_id", sa.String(), nullable=True),
        sa.Column("service_number", sa.String(), nullable=True),
        sa.Column("carrier_account", sa.String(), nullable=True),
        sa.Column("carrier_repair_contact", sa.String(), nullable=True),
        sa.Column("committed_down_bps", sa.Float(), nullable=True),
        sa.Column("committed_up_bps", sa.Float(), nullable=True),
        sa.Column("ownership", sa.String(), nullable=False),
        sa.Column("metered", sa.Boolean(), nullable=False),
        sa.Column("cap_bytes", sa.BigInteger(), nullable=True),
        sa.Column("monthly_charge", sa.String(), nullable=True),
        sa.Column("contract", sa.JSON(), nullable=False),
        sa.Column("sla_profile", sa.String(), nullable=True),
        sa.Column("last_mile_group", sa.String(), nullable=True),
        sa.Column("life_cycle", sa.String(), nullable=False),
        sa.Column("monitoring", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["inventory_device.id"], name=op.f("fk_inventory_link_device")),
        sa.ForeignKeyConstraint(["site"], ["inventory_site.id"], name=op.f("fk_inventory_link_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_link")),
    )
    with op.batch_alter_table("inventory_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inventory_link_device"), ["device"], unique=False)
        batch_op.create_index(batch_op.f("ix_inventory_link_site"), ["site"], unique=False)


def downgrade() -> None:

    with op.batch_alter_table("inventory_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inventory_link_site"))
        batch_op.drop_index(batch_op.f("ix_inventory_link_device"))

    op.drop_table("inventory_link")
    with op.batch_alter_table("inventory_site_alias", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inventory_site_alias_alias"))

    op.drop_table("inventory_site_alias")
    with op.batch_alter_table("inventory_device", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inventory_device_site"))

    op.drop_table("inventory_device")
    with op.batch_alter_table("triage_verdict", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_triage_verdict_case_number"))

    op.drop_table("triage_verdict")
    with op.batch_alter_table("triage_timer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_triage_timer_due_at"))

    op.drop_table("triage_timer")
    with op.batch_alter_table("triage_proposal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_triage_proposal_case_number"))

    op.drop_table("triage_proposal")
    with op.batch_alter_table("triage_outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_triage_outbox_status"))

    op.drop_table("triage_outbox")
    with op.batch_alter_table("ticket_note", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_note_ticket_number"))

    op.drop_table("ticket_note")
    with op.batch_alter_table("ticket_attachment", schema=None) as batch_op:
        batch_op.drop_index("uq_ticket_attachment_once")
        batch_op.drop_index(batch_op.f("ix_ticket_attachment_ticket_number"))

    op.drop_table("ticket_attachment")
    with op.batch_alter_table("inventory_site", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inventory_site_client"))

    op.drop_table("inventory_site")
    op.drop_table("triage_policy")
    op.drop_table("triage_lease")
    with op.batch_alter_table("triage_inbox", schema=None) as batch_op:
        batch_op.drop_index("ix_triage_inbox_waiting", sqlite_where=sa.text("consumed_at IS NULL"))

    op.drop_table("triage_inbox")
    with op.batch_alter_table("triage_decision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_triage_decision_inbox_seq"))
        batch_op.drop_index(batch_op.f("ix_triage_decision_case_number"))

    op.drop_table("triage_decision")
    with op.batch_alter_table("triage_case", schema=None) as batch_op:
        batch_op.drop_index("uq_triage_case_open", sqlite_where=sa.text("open = 1"), postgresql_where=sa.text("open"))

    op.drop_table("triage_case")
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_client"))

    op.drop_table("ticket")
    with op.batch_alter_table("inventory_maintenance", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inventory_maintenance_end"))

    op.drop_table("inventory_maintenance")
    op.drop_table("inventory_client")
