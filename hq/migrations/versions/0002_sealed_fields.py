"""Shift keys as stations wrapped them, and the audit of what was unsealed."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "shift_keys",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("kid", sa.String(36), nullable=False),
        sa.Column("sealing_key", sa.LargeBinary(16), nullable=False),
        sa.Column("kem", sa.LargeBinary(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_shift_keys_station"),
        sa.PrimaryKeyConstraint("station", "kid", name="pk_shift_keys"),
    )
    audit = op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
        sqlite_with_rowid=False,
    )
    # The row every writer locks, so that two of them never follow the same one.
    op.bulk_insert(audit, [{"number": 0, "line": b"", "chain": hashlib.sha256(b"jingting audit 1").digest()}])
