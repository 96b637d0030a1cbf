"""Since when a station is revoked, and which of headquarters' order keys signs for it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("stations", sa.Column("revoked_ms", sa.BigInteger()))
    op.add_column("stations", sa.Column("order_key", sa.LargeBinary(16)))
