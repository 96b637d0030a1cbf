"""What stations say of dispatches."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "dispatch_steps",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("dispatch", sa.String(36), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.String(16)),
        sa.Column("staff", sa.String(64)),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_dispatch_steps_station"),
        sa.PrimaryKeyConstraint("station", "dispatch", "step", name="pk_dispatch_steps"),
    )
    op.create_index("ix_dispatch_steps_received", "dispatch_steps", ["station", "received_ms"])
