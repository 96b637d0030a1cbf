"""Since when a station is revoked."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("stations", sa.Column("revoked_ms", sa.BigInteger()))
