"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "epoch",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("epoch", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_epoch"),
    )
    op.create_table(
        "stations",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("seen_ms", sa.BigInteger()),
        sa.Column("farewell_ms", sa.BigInteger()),
        sa.Column("session", sa.String(128)),
        sa.Column("boot", sa.String(36)),
        sa.Column("journal", sa.String(36)),
        sa.Column("oldest", sa.BigInteger()),
        sa.Column("head", sa.BigInteger()),
        sa.Column("generation", sa.BigInteger()),
        sa.Column("agent", sa.String(64)),
        sa.Column("born_ms", sa.BigInteger()),
        sa.Column("health", sa.Text()),
        sa.Column("health_ms", sa.BigInteger()),
        sa.Column("unrecorded_since", sa.String(24)),
        sa.PrimaryKeyConstraint("station", name="pk_stations"),
    )
    op.create_table(
        "workers",
        sa.Column("worker", sa.String(32), nullable=False),
        sa.Column("beat_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("worker", name="pk_workers"),
    )
    op.create_table(
        "alarms",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_alarms_station"),
        sa.PrimaryKeyConstraint("station", "kind", name="pk_alarms"),
    )
    op.create_table(
        "aside",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("journal", sa.String(36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_aside_station"),
        sa.PrimaryKeyConstraint("station", "sha256", name="pk_aside"),
    )
    op.create_table(
        "births",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("session", sa.String(128), nullable=False),
        sa.Column("journal", sa.String(36), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("header", sa.Text(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_births_station"),
        sa.PrimaryKeyConstraint("station", "session", "journal", name="pk_births"),
    )
    op.create_table(
        "help_calls",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("call", sa.String(36), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("origin", sa.String(8), nullable=False),
        sa.Column("raised_id", sa.String(64), nullable=False),
        sa.Column("raised_time", sa.String(24), nullable=False),
        sa.Column("clock_unsure", sa.Boolean(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("committed_ms", sa.BigInteger(), nullable=False),
        sa.Column("presses", sa.Integer(), nullable=False),
        sa.Column("escalated", sa.Boolean(), nullable=False),
        sa.Column("breached", sa.Boolean(), nullable=False),
        sa.Column("closed_id", sa.String(64), nullable=False),
        sa.Column("closed_reason", sa.String(16), nullable=False),
        sa.Column("answered_by", sa.String(64)),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_help_calls_station"),
        sa.PrimaryKeyConstraint("station", "call", name="pk_help_calls"),
    )
    op.create_index("ix_help_calls_state", "help_calls", ["state"])
    op.create_table(
        "journals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("journal", sa.String(36), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Text(), nullable=False),
        sa.Column("gone", sa.Text(), nullable=False),
        sa.Column("oldest", sa.BigInteger(), nullable=False),
        sa.Column("last_common", sa.BigInteger()),
        sa.Column("leftover", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_journals_station"),
        sa.PrimaryKeyConstraint("id", name="pk_journals"),
    )
    op.create_index("ix_journals_station", "journals", ["station", "journal"], unique=True)
    op.create_table(
        "order_journals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("journal", sa.String(36), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.LargeBinary(32), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_order_journals_station"),
        sa.PrimaryKeyConstraint("id", name="pk_order_journals"),
    )
    op.create_index("ix_order_journals_station", "order_journals", ["station", "generation"], unique=True)
    op.create_table(
        "orders",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("expires", sa.String(24)),
        sa.Column("outcome", sa.String(8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("given_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_orders_station"),
        sa.PrimaryKeyConstraint("station", "id", name="pk_orders"),
    )
    op.create_table(
        "projected",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_projected_station"),
        sa.PrimaryKeyConstraint("station", "id", name="pk_projected"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("journal_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(32), nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["journals.id"], name="fk_events_journal_id"),
        sa.PrimaryKeyConstraint("journal_id", "number", name="pk_events"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "order_lines",
        sa.Column("order_journal_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(32), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_journal_id"], ["order_journals.id"], name="fk_order_lines_order_journal_id"),
        sa.PrimaryKeyConstraint("order_journal_id", "number", name="pk_order_lines"),
        sqlite_with_rowid=False,
    )
