"""Who may use headquarters' pages, and who is signed in."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "staff",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.String(256), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_staff"),
    )
    op.create_table(
        "staff_sessions",
        sa.Column("session", sa.LargeBinary(32), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("wall", sa.Boolean(), nullable=False),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["name"], ["staff.name"], name="fk_staff_sessions_name"),
        sa.PrimaryKeyConstraint("session", name="pk_staff_sessions"),
    )
    op.create_index("ix_staff_sessions_name", "staff_sessions", ["name"])
