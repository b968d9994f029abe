"""troubles that train no baseline, and parents of cases"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "triage_trouble",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("link", sa.String(length=100), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("onset", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_number"], ["triage_case.number"], name=op.f("fk_triage_trouble_case_number_triage_case")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_triage_trouble")),
    )
    op.create_index("ix_triage_trouble_case_number", "triage_trouble", ["case_number"])
    op.create_index("ix_triage_trouble_link_onset", "triage_trouble", ["link", "onset"])
    with op.batch_alter_table("triage_case") as table:
        table.add_column(sa.Column("parent", sa.BigInteger(), nullable=True))
        table.create_index("ix_triage_case_parent", ["parent"])


def downgrade() -> None:
    with op.batch_alter_table("triage_case") as table:
        table.drop_index("ix_triage_case_parent")
        table.drop_column("parent")
    op.drop_table("triage_trouble")
