"""What headquarters needs to forget by age: since when it holds what, and what it has forgotten."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "journal_marks",
        sa.Column("journal_id", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["journals.id"], name="fk_journal_marks_journal_id"),
        sa.PrimaryKeyConstraint("journal_id", "at_ms", name="pk_journal_marks"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "record_lines",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("event", sa.String(36), nullable=False),
        sa.Column("record", sa.String(36), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_record_lines_station"),
        sa.PrimaryKeyConstraint("station", "event", name="pk_record_lines"),
    )
    op.create_index("ix_record_lines_station", "record_lines", ["station", "record"])
    op.add_column("projected", sa.Column("forgotten_ms", sa.BigInteger()))
    for table in ("records", "help_calls"):
        op.add_column(table, sa.Column("changed_ms", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
        # Nobody wrote down when: their days begin with this.
        rows = sa.table(table, sa.column("changed_ms", sa.BigInteger()))
        op.execute(sa.update(rows).values(changed_ms=time.time_ns() // 1_000_000))
    op.add_column("records", sa.Column("forgotten_ms", sa.BigInteger()))
    closed = sa.text("state = 'closed' AND forgotten_ms IS NULL")
    op.create_index(
        "ix_records_closed", "records", ["station", "changed_ms"], sqlite_where=closed, postgresql_where=closed
    )
    for table in ("records", "projected"):
        gone = sa.text("forgotten_ms IS NOT NULL")
        op.create_index(
            f"ix_{table}_forgotten", table, ["station", "forgotten_ms"], sqlite_where=gone, postgresql_where=gone
        )
