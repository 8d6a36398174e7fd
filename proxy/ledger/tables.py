"""The tables of the ledger as SQLAlchemy Core sees them; migrations/ creates them."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

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
