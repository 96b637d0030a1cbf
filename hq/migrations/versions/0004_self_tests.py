"""The last self-test of each panel."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "self_tests",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("pressed_ms", sa.BigInteger()),
        sa.Column("tested_ms", sa.BigInteger()),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("took_ms", sa.BigInteger()),
        sa.Column("passed_ms", sa.BigInteger()),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_self_tests_station"),
        sa.PrimaryKeyConstraint("station", "device", name="pk_self_tests"),
    )
