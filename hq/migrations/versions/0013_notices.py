"""Who has read which notice."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "notice_reads",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("notice", sa.String(36), nullable=False),
        sa.Column("staff", sa.String(64), nullable=False),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_notice_reads_station"),
        sa.PrimaryKeyConstraint("station", "notice", "staff", name="pk_notice_reads"),
    )
    op.create_index("ix_notice_reads_notice", "notice_reads", ["notice"])
    op.create_index("ix_notice_reads_received", "notice_reads", ["station", "received_ms"])
