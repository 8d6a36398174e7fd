"""What tenants were given of works, and the answers that may still give some."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "ledger_budgets",
        sa.Column("account", sa.String(160), primary_key=True),
        sa.Column("work", sa.String(200), primary_key=True),
        sa.Column("words", sa.BigInteger, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_index("ledger_budgets_until", "ledger_budgets", ["until_us"])
    op.create_table(
        "ledger_seats",
        sa.Column("account", sa.String(160), primary_key=True),
        sa.Column("holder", sa.String(80), primary_key=True),
        sa.Column("seats", sa.Integer, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
    )
    op.create_index("ledger_seats_until", "ledger_seats", ["until_us"])


def downgrade() -> None:
    raise NotImplementedError("a ledger is not taken back: restore the copy made before the upgrade")
