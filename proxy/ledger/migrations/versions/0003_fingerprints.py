"""Fingerprints of delivered texts, and what one process does for all."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("ledger_entries_at", "ledger_entries", ["kind", "at_us"])
    op.create_table(
        "ledger_fingerprints",
        sa.Column("chain", sa.String(32), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("ledger_fingerprints_at", "ledger_fingerprints", ["at_us"])
    op.create_index("ledger_fingerprints_until", "ledger_fingerprints", ["until_us"])
    op.create_table(
        "ledger_batches",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("first_us", sa.BigInteger, nullable=False),
        sa.Column("last_us", sa.BigInteger, nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.Column("choices", sa.Integer, nullable=False),
        sa.Column("members", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ledger_postings",
        sa.Column("batch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_chores",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("holder", sa.String(32)),
        sa.Column("until_us", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO ledger_chores (name, holder, until_us) VALUES ('upkeep', NULL, 0)")


def downgrade() -> None:
    raise NotImplementedError("a ledger is not taken back: restore the copy made before the upgrade")
