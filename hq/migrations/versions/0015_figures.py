"""Figures of days; what records count for so far is counted here, calls and dispatches from now on."""

from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    figures = op.create_table(
        "figures",
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("which", sa.String(64), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.station"], name="fk_figures_station"),
        sa.PrimaryKeyConstraint("station", "day", "what", "which", name="pk_figures"),
    )
    op.create_index("ix_figures_day", "figures", ["day"])
    op.add_column("help_calls", sa.Column("figure", sa.Text(), nullable=False, server_default=sa.text("'{}'")))
    counted: Counter[tuple[str, str, str, str]] = Counter()
    rows = sa.text(
        "SELECT station, number, service, state, outcome, result, target, rating, clock_unsure FROM records"
        " WHERE number <> '' AND forgotten_ms IS NULL"
    )
    for row in op.get_bind().execute(rows):
        written = row.number.rsplit("-", 2)[-2]
        day, closed = f"{written[:4]}-{written[4:6]}-{written[6:]}", row.state == "closed"
        which = [("record", "opened"), ("service", row.service)]
        which += [("unsure", "record")] if row.clock_unsure else []
        which += [("outcome", row.outcome or "done")] if closed else [("open", row.state)]
        which += [("result", row.result)] if closed and row.result is not None else []
        which += [("referral", row.state)] if row.target and row.state in ("referred", "received", "closed") else []
        which += [("rating", row.rating)] if row.rating is not None else []
        counted.update((row.station, day, *each) for each in which)
    names = ("station", "day", "what", "which")
    if counted:
        op.bulk_insert(figures, [dict(zip(names, key, strict=True), count=count) for key, count in counted.items()])
