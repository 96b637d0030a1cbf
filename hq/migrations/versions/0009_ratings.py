"""Ratings, and what is looked into because of them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("records", sa.Column("rating", sa.String(32)))
    op.create_table(
        "follow_ups",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("record", sa.String(36), nullable=False),
        sa.Column("rating", sa.String(32), nullable=False),
        sa.Column("rated_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger()),
        sa.Column("closed_by", sa.String(64)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_follow_ups_station"),
        sa.PrimaryKeyConstraint("station", "id", name="pk_follow_ups"),
    )
    op.create_index("ix_follow_ups_closed", "follow_ups", ["closed_ms"])
