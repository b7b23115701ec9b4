"""PostgreSQL: for several replicas on one database. Tenants are kept apart by row level security (SEC-37)."""

from storage.postgres.database import PostgresDatabase
from storage.postgres.listening import Listening
from storage.postgres.store import PostgresTurnStore

__all__ = ["Listening", "PostgresDatabase", "PostgresTurnStore"]
