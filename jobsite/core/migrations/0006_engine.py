"""What the engine keeps of waiting, stopping and trying again; the flags of a backend."""

COLUMNS = (
    ("job", "ready_at", "DATETIME"),
    ("job", "retry_at", "DATETIME"),
    ("job", "stop_code", "VARCHAR(255) NOT NULL DEFAULT ''"),
    ("job", "stop_message", "TEXT NOT NULL DEFAULT ''"),
    ("attempt", "fault", "VARCHAR(255) NOT NULL DEFAULT ''"),
    ("backend", "is_maintenance_manual", "BOOLEAN NOT NULL DEFAULT false"),
    ("backend", "maintenance_manual_since", "DATETIME"),
    ("backend", "are_checks_disabled", "BOOLEAN NOT NULL DEFAULT false"),
    ("backend", "checks_disabled_since", "DATETIME"),
    ("backend", "is_rebooting", "BOOLEAN NOT NULL DEFAULT false"),
    ("backend", "rebooting_since", "DATETIME"),
)


def up(migrator, db):
    """Add the columns; the rows there are get the defaults."""
    for table, column, kind in COLUMNS:
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {kind}')
