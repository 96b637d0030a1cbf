"""Since when nobody is at a station's desk."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("stations", sa.Column("unattended_ms", sa.BigInteger()))
