"""The tables of the ledger as SQLAlchemy Core sees them; migrations/ creates them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

# INVARIANT: rows of `entries` are only ever inserted. `chains` anchors each writer's chain: its opening, and, in the
# transaction that adds rows, its length and head. Only rows of `erasable` are ever deleted.
chains = Table(
    "ledger_chains",
    metadata,
    Column("chain", String(32), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("started_us", BigInteger, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("opening", String(64), nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("head", String(64), nullable=False),
)

entries = Table(
    "ledger_entries",
    metadata,
    Column("chain", String(32), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("decision_id", String(64)),
    Column("at_us", BigInteger, nullable=False),
    Column("tenant", Text),
    Column("action", String(16)),
    Column("body", Text, nullable=False),
    Column("sealed", String(64)),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ledger_entries_decision", "decision_id"),
    Index("ledger_entries_action", "action", "decision_id"),
    Index("ledger_entries_tenant", "tenant", "decision_id"),
    Index("ledger_entries_at", "kind", "at_us"),
)

erasable = Table(
    "ledger_erasable",
    metadata,
    Column("chain", String(32), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("salt", String(64), nullable=False),
    Column("content", Text, nullable=False),
    Index("ledger_erasable_at", "at_us"),
)

# Fingerprints of delivered texts: a row a choice at first, then folded into batches, whose grams stand by bucket. They
# are looked up, never proven: no hash covers them, and they are deleted when `until_us` is past, or with their text.
fingerprints = Table(
    "ledger_fingerprints",
    metadata,
    Column("chain", String(32), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("ledger_fingerprints_at", "at_us"),
    Index("ledger_fingerprints_until", "until_us"),
)

batches = Table(
    "ledger_batches",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("complete", Boolean, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("choices", Integer, nullable=False),
    Column("members", LargeBinary, nullable=False),
)

postings = Table(
    "ledger_postings",
    metadata,
    Column("batch", BigInteger, primary_key=True, autoincrement=False),
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# Work that one process at a time does for all that share a ledger.
chores = Table(
    "ledger_chores",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(32)),
    Column("until_us", BigInteger, nullable=False),
)

# What was given of a work to an account (a tenant, or one user of a tenant): `content` says which source tokens, when,
# and how much is promised to answers that still run; `used` adds both up in half-words, `words` is the work's length.
budgets = Table(
    "ledger_budgets",
    metadata,
    Column("account", String(160), primary_key=True),
    Column("work", String(200), primary_key=True),
    Column("words", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("content", Text, nullable=False),
    Index("ledger_budgets_until", "until_us"),
)

# Channels of answers that are streaming to an account without being held.
seats = Table(
    "ledger_seats",
    metadata,
    Column("account", String(160), primary_key=True),
    Column("holder", String(80), primary_key=True),
    Column("seats", Integer, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Index("ledger_seats_until", "until_us"),
)
