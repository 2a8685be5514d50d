"""C01 injected op."""

import sqlalchemy as sa

revision = "c01_injected_op"
down_revision = "c00_base"


def upgrade(op, tables, tester):
    op.add_column("users", sa.Column("nick", sa.String(20)))
    op.bulk_insert(tables.users, [{"name": "ann"}, {"name": "bob"}])
    if tester.is_testing():
        op.drop_table("users")


def downgrade(op, tables, tester):
    op.drop_column("users", "nick")
