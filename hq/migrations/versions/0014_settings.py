"""What became of settings that were ordered."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("orders", sa.Column("told", sa.String(16), nullable=False, server_default=sa.text("''")))
