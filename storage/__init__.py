"""What must survive: tables, turn stores, migrations, the outbox, the audit log and encryption.

No statement runs outside a tenant's scope, and nobody but the engine commits a turn.
"""
