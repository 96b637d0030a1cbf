"""Walk-in records."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "records",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("record", sa.String(36), nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("opened_time", sa.String(24), nullable=False),
        sa.Column("clock_unsure", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(16)),
        sa.Column("team", sa.String(64)),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("catalogue", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("priority", sa.String(16), nullable=False),
        sa.Column("staff", sa.String(64)),
        sa.Column("grid", sa.String(64)),
        sa.Column("reference", sa.String(64)),
        sa.Column("on_file", sa.Text(), nullable=False),
        sa.Column("missing", sa.Text(), nullable=False),
        sa.Column("until", sa.String(10)),
        sa.Column("target", sa.String(64)),
        sa.Column("due", sa.String(10)),
        sa.Column("consent", sa.Boolean(), nullable=False),
        sa.Column("result", sa.String(64)),
        sa.Column("duplicate_of", sa.String(32)),
        sa.Column("reason", sa.String(64)),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.Column("boxes", sa.Text(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_records_station"),
        sa.PrimaryKeyConstraint("station", "record", name="pk_records"),
    )
    op.create_index("ix_records_number", "records", ["number"])
