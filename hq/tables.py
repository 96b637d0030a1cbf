"""The tables of headquarters' database, as `hq/migrations` makes them (a test compares the two).

Everything but the staff hangs on a station: its row is the lock under which all the rest of it changes. Times are
milliseconds since 1970 on headquarters' wall clock, unless the column says otherwise; sets of numbers are JSON
`[[1,164]]`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_FORGOTTEN = text("forgotten_ms IS NOT NULL")
_TO_FORGET = text("state = 'closed' AND forgotten_ms IS NULL")


def _of_station() -> Column[str]:
    return Column("station", String(32), ForeignKey("stations.station"), primary_key=True)


stations = Table(
    "stations",
    metadata,
    Column("station", String(32), primary_key=True),
    Column("seen_ms", BigInteger),  # the last signed message
    Column("farewell_ms", BigInteger),  # the farewell of the current session
    Column("session", String(128)),  # from here on: the latest accepted birth
    Column("boot", String(36)),
    Column("journal", String(36)),
    Column("oldest", BigInteger),
    Column("head", BigInteger),
    Column("generation", BigInteger),
    Column("agent", String(64)),
    Column("born_ms", BigInteger),
    Column("health", Text),  # the latest sample, JSON; a hint, unsigned
    Column("health_ms", BigInteger),
    Column("unrecorded_since", String(24)),  # a call rings there that could not be recorded
    Column("revoked_ms", BigInteger),  # from then on nothing of it is stored
    Column("unattended_ms", BigInteger),  # since when nobody is at its desk, as `tested_ms` below
    Column("order_key", LargeBinary(16)),  # id of the order key it has pinned; NULL: the newest
)

births = Table(
    "births",
    metadata,
    _of_station(),
    Column("session", String(128), primary_key=True),
    Column("journal", String(36), primary_key=True),
    Column("verdict", String(8), nullable=False),
    Column("header", Text, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
)

journals = Table(
    "journals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("station", String(32), ForeignKey("stations.station"), nullable=False),
    Column("journal", String(36), nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("held", Text, nullable=False),
    Column("gone", Text, nullable=False),
    Column("oldest", BigInteger, nullable=False),
    Column("last_common", BigInteger),  # set once the journal is known to be closed
    Column("leftover", Boolean, nullable=False, server_default=false()),  # closed, and holds what may not be shown yet
    Index("ix_journals_station", "station", "journal", unique=True),
)

events = Table(
    "events",
    metadata,
    Column("journal_id", Integer, ForeignKey("journals.id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("line", LargeBinary, nullable=False),  # the exact bytes, never serialised again; empty: forgotten
    Column("chain", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)

journal_marks = Table(  # at `at_ms` the journal stood at `rev`, and up to `number` nothing was missing
    "journal_marks",
    metadata,
    Column("journal_id", Integer, ForeignKey("journals.id"), primary_key=True),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("rev", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

aside = Table(
    "aside",
    metadata,
    _of_station(),
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("journal", String(36), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
)

projected = Table(
    "projected",
    metadata,
    _of_station(),
    Column("id", String(64), primary_key=True),
    Column("forgotten_ms", BigInteger),  # since then the line is gone that had it
    Index("ix_projected_forgotten", "station", "forgotten_ms", sqlite_where=_FORGOTTEN, postgresql_where=_FORGOTTEN),
    sqlite_with_rowid=False,
)

help_calls = Table(
    "help_calls",
    metadata,
    _of_station(),
    Column("call", String(36), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("origin", String(8), nullable=False),  # "" until its help.raised has come
    Column("raised_id", String(64), nullable=False),
    Column("raised_time", String(24), nullable=False),  # as the station's clock said
    Column("clock_unsure", Boolean, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("committed_ms", BigInteger, nullable=False),
    Column("presses", Integer, nullable=False),
    Column("escalated", Boolean, nullable=False),
    Column("breached", Boolean, nullable=False),
    Column("closed_id", String(64), nullable=False),
    Column("closed_reason", String(16), nullable=False),
    Column("answered_by", String(64)),
    Column("changed_ms", BigInteger, nullable=False, server_default=text("0")),  # when its last event came
    Column("figure", Text, nullable=False, server_default=text("'{}'")),  # `common.counted.CallFigure` as JSON
    Index("ix_help_calls_state", "state"),
)

figures = Table(  # what a station's local day has of something
    "figures",
    metadata,
    _of_station(),
    Column("day", String(10), primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("which", String(64), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Index("ix_figures_day", "day"),
)

alarms = Table(
    "alarms",
    metadata,
    _of_station(),
    Column("kind", String(32), primary_key=True),
    Column("detail", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    _of_station(),
    Column("id", String(36), primary_key=True),
    Column("position", Integer, nullable=False),  # in which order they were given
    Column("type", String(64), nullable=False),
    Column("data", Text, nullable=False),
    Column("expires", String(24)),
    Column("outcome", String(8), nullable=False),  # open, applied, failed
    Column("reason", Text, nullable=False),
    Column("given_ms", BigInteger, nullable=False),
    Column("told", String(16), nullable=False, server_default=text("''")),  # of settings: changed, rolled_back
)

order_journals = Table(
    "order_journals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("station", String(32), ForeignKey("stations.station"), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("journal", String(36), nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("chain", LargeBinary(32), nullable=False),
    Column("cursor", BigInteger, nullable=False),
    Index("ix_order_journals_station", "station", "generation", unique=True),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_journal_id", Integer, ForeignKey("order_journals.id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("line", LargeBinary, nullable=False),
    Column("chain", LargeBinary(32), nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("bulk", Boolean, nullable=False, server_default=false()),  # forgotten once it is acknowledged
    sqlite_with_rowid=False,
)

self_tests = Table(
    "self_tests",
    metadata,
    _of_station(),
    Column("device", String(64), primary_key=True),
    Column("pressed_ms", BigInteger),  # when its last help.tested came
    Column("tested_ms", BigInteger),  # when its last test was over, by the station's clock if that is trusted
    Column("reason", String(16), nullable=False),  # why that one failed
    Column("took_ms", BigInteger),
    Column("passed_ms", BigInteger),  # as tested_ms, of the last one it passed
)

epoch = Table(
    "epoch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1: there is one row
    Column("epoch", String(36), nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("worker", String(32), primary_key=True),
    Column("beat_ms", BigInteger, nullable=False),
)

shift_keys = Table(
    "shift_keys",
    metadata,
    _of_station(),
    Column("kid", String(36), primary_key=True),
    Column("sealing_key", LargeBinary(16), nullable=False),  # the id of the key it is wrapped for
    Column("kem", LargeBinary, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # 0 is where the chain starts
    Column("line", LargeBinary, nullable=False),  # the exact bytes, never serialised again
    Column("chain", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)

records = Table(
    "records",
    metadata,
    _of_station(),
    Column("record", String(36), primary_key=True),
    Column("number", String(32), nullable=False),  # what people call it; "" until its record.opened has come
    Column("opened_time", String(24), nullable=False),  # as the station's clock said
    Column("clock_unsure", Boolean, nullable=False),
    Column("channel", String(16)),
    Column("team", String(64)),
    Column("service", String(64), nullable=False),
    Column("catalogue", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("outcome", String(16)),
    Column("priority", String(16), nullable=False),
    Column("staff", String(64)),
    Column("grid", String(64)),
    Column("reference", String(64)),
    Column("on_file", Text, nullable=False),  # JSON, as all lists here
    Column("missing", Text, nullable=False),
    Column("until", String(10)),
    Column("target", String(64)),
    Column("due", String(10)),
    Column("consent", Boolean, nullable=False),
    Column("result", String(64)),
    Column("duplicate_of", String(32)),
    Column("reason", String(64)),
    Column("rating", String(32)),  # of the service as it is done now
    Column("change", BigInteger, nullable=False),  # the highest there was
    Column("marks", Text, nullable=False),  # which event each group of fields is from
    Column("boxes", Text, nullable=False),  # the events that carry its sealed fields, with their change
    Column("received_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False, server_default=text("0")),  # when it last became another
    Column("forgotten_ms", BigInteger),  # since then only `change` and `marks` are true: older events change nothing
    Index("ix_records_number", "number"),
    Index("ix_records_closed", "station", "changed_ms", sqlite_where=_TO_FORGET, postgresql_where=_TO_FORGET),
    Index("ix_records_forgotten", "station", "forgotten_ms", sqlite_where=_FORGOTTEN, postgresql_where=_FORGOTTEN),
)

record_lines = Table(  # of records that are not forgotten, the sealed lines that their journals no longer keep
    "record_lines",
    metadata,
    _of_station(),
    Column("event", String(36), primary_key=True),  # of a rescued line, the one inside
    Column("record", String(36), nullable=False),
    Column("line", LargeBinary, nullable=False),
    Index("ix_record_lines_station", "station", "record"),
)

follow_ups = Table(
    "follow_ups",
    metadata,
    _of_station(),
    Column("id", String(36), primary_key=True),  # of the record.rated event
    Column("record", String(36), nullable=False),
    Column("rating", String(32), nullable=False),
    Column("rated_ms", BigInteger, nullable=False),  # by the station's clock if that is trusted, else when it came
    Column("closed_ms", BigInteger),
    Column("closed_by", String(64)),
    Column("reason", Text, nullable=False),  # why it was closed
    Index("ix_follow_ups_closed", "closed_ms"),
)

dispatch_steps = Table(
    "dispatch_steps",
    metadata,
    _of_station(),
    Column("dispatch", String(36), primary_key=True),  # the order's id
    Column("step", String(16), primary_key=True),  # or `expired`
    Column("time", String(32), nullable=False),  # by the station's clock,
    Column("unsure", Boolean, nullable=False),  # if that was to be trusted
    Column("received_ms", BigInteger, nullable=False),
    Column("result", String(16)),
    Column("staff", String(64)),
    Index("ix_dispatch_steps_received", "station", "received_ms"),
)

notice_reads = Table(
    "notice_reads",
    metadata,
    _of_station(),
    Column("notice", String(36), primary_key=True),
    Column("staff", String(64), primary_key=True),  # "" for somebody who had not signed in
    Column("time", String(32), nullable=False),  # by the station's clock,
    Column("unsure", Boolean, nullable=False),  # if that was to be trusted
    Column("received_ms", BigInteger, nullable=False),
    Index("ix_notice_reads_notice", "notice"),
    Index("ix_notice_reads_received", "station", "received_ms"),
)

books = Table(  # who is on patrol, what is lent, what was found and is kept
    "books",
    metadata,
    _of_station(),
    Column("id", String(36), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("what", String(64), nullable=False),
    Column("which", String(64), nullable=False),
    Column("place", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("hours", BigInteger, nullable=False),  # until it is overdue; 0: never
    Column("since_ms", BigInteger, nullable=False),  # by the station's clock if that is trusted, else when it came
    Column("received_ms", BigInteger, nullable=False),  # the last that was said of it
    Index("ix_books_state", "state"),
    Index("ix_books_received", "station", "received_ms"),
)

shelved_alarms = Table(  # those that are on a shelf now: a row goes when its alarm is back
    "shelved_alarms",
    metadata,
    _of_station(),
    Column("shelf", String(36), primary_key=True),  # id of the alarm.shelved event
    Column("kind", String(32), nullable=False),
    Column("device", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("staff", String(64)),
    Column("time", String(32), nullable=False),  # by the station's clock,
    Column("unsure", Boolean, nullable=False),  # if that was to be trusted
    Column("received_ms", BigInteger, nullable=False),
    Index("ix_shelved_alarms_received", "station", "received_ms"),
)

staff = Table(
    "staff",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password", String(256), nullable=False),  # Argon2id's own text (PHC string format)
    Column("disabled", Boolean, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("session", LargeBinary(32), primary_key=True),  # SHA-256 of what the browser holds
    Column("name", String(32), ForeignKey("staff.name"), nullable=False),
    Column("wall", Boolean, nullable=False),  # a wall's screen: it shows, and changes nothing
    Column("began_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),  # the last time somebody did something there
    Index("ix_staff_sessions_name", "name"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),  # of the secret, which nobody here knows
    Column("station", String(32), nullable=False),
    Column("settings", Text, nullable=False),  # JSON, the station's first ones
    Column("until_ms", BigInteger, nullable=False),
    Column("key", LargeBinary(32)),  # once it is used: the station's public key,
    Column("tls", LargeBinary(32)),  # and SHA-256 of the public key (SPKI) its certificate is for
    Index("ix_invitations_station", "station"),
)

content_packs = Table(
    "content_packs",
    metadata,
    Column("pack", String(64), primary_key=True),  # SHA-256 of its file, in hexadecimal
    Column("id", String(64), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("title_zh", String(64), nullable=False),
    Column("title_en", String(64), nullable=False),
    Column("begins", String(10), nullable=False),
    Column("ends", String(10), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("chunks", LargeBinary, nullable=False),  # SHA-256 of each, one behind the other
    Column("sent_ms", BigInteger, nullable=False),
    Column("withdrawn_ms", BigInteger),
)

content_chunks = Table(
    "content_chunks",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

content_deliveries = Table(
    "content_deliveries",
    metadata,
    _of_station(),
    Column("pack", String(64), primary_key=True),  # one brought by USB headquarters may not know
    Column("state", String(12), nullable=False),  # due, offered, sending, stored, refused, removed, withdrawn, over
    Column("reason", Text, nullable=False),
    Column("id", String(64), nullable=False),  # these three as the station said
    Column("version", BigInteger),
    Column("way", String(8), nullable=False),
    Column("offer", String(36)),  # id of the content.offered that is answered for
    Column("missing", LargeBinary),  # a bit for each chunk that is still to be sent
    Column("changed_ms", BigInteger, nullable=False),
)

content_plays = Table(
    "content_plays",
    metadata,
    _of_station(),
    Column("pack", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("plays", BigInteger, nullable=False),
)
