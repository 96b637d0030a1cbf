"""Content packs: what headquarters holds of them, what stations have, how often they were shown."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("order_lines", sa.Column("bulk", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "content_packs",
        sa.Column("pack", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("title_zh", sa.String(64), nullable=False),
        sa.Column("title_en", sa.String(64), nullable=False),
        sa.Column("begins", sa.String(10), nullable=False),
        sa.Column("ends", sa.String(10), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("chunks", sa.LargeBinary(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("pack", name="pk_content_packs"),
    )
    op.create_table(
        "content_chunks",
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_content_chunks"),
    )
    op.create_table(
        "content_deliveries",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("pack", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger()),
        sa.Column("way", sa.String(8), nullable=False),
        sa.Column("offer", sa.String(36)),
        sa.Column("missing", sa.LargeBinary()),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_content_deliveries_station"),
        sa.PrimaryKeyConstraint("station", "pack", name="pk_content_deliveries"),
    )
    op.create_table(
        "content_plays",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("pack", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("plays", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_content_plays_station"),
        sa.PrimaryKeyConstraint("station", "pack", "day", name="pk_content_plays"),
    )
