"""Steps of the schema, applied by ``console.db.migrate``."""
