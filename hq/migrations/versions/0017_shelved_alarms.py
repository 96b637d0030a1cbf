"""Alarms of equipment that stations have shelved."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "shelved_alarms",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("shelf", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("device", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("staff", sa.String(64)),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_shelved_alarms_station"),
        sa.PrimaryKeyConstraint("station", "shelf", name="pk_shelved_alarms"),
    )
    op.create_index("ix_shelved_alarms_received", "shelved_alarms", ["station", "received_ms"])
