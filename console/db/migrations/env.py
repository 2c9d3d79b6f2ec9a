"""How Alembic reaches the database: through the connection that ``console.db.migrate`` opened, in its transaction."""

from __future__ import annotations

from alembic import context

from console.db.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot change a column in place: Alembic copies the table.
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
