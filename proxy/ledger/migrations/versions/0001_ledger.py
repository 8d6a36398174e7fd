"""The ledger: chains, their entries, and the text that may be erased."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "ledger_chains",
        sa.Column("chain", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("started_us", sa.BigInteger, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("opening", sa.String(64), nullable=False),
        sa.Column("length", sa.BigInteger, nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("chain", sa.String(32), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("decision_id", sa.String(64)),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("tenant", sa.Text),
        sa.Column("action", sa.String(16)),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("sealed", sa.String(64)),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("ledger_entries_decision", "ledger_entries", ["decision_id"])
    op.create_index("ledger_entries_action", "ledger_entries", ["action", "decision_id"])
    op.create_index("ledger_entries_tenant", "ledger_entries", ["tenant", "decision_id"])
    op.create_table(
        "ledger_erasable",
        sa.Column("chain", sa.String(32), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_index("ledger_erasable_at", "ledger_erasable", ["at_us"])


def downgrade() -> None:
    raise NotImplementedError("a ledger is not taken back: restore the copy made before the upgrade")
