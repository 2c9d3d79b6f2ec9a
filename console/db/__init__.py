"""The console's database: tables, engine and migrations; one schema on SQLite and PostgreSQL."""
