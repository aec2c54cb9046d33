"""How the contact with the public side stands, when it confirmed people, and what waits to be told there."""

TABLES = (
    """
    CREATE TABLE public_contact (
        id INTEGER NOT NULL PRIMARY KEY,
        succeeded_at DATETIME,
        failed_at DATETIME,
        failing_since DATETIME,
        failures INTEGER NOT NULL,
        last_error TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE confirmation (
        id INTEGER NOT NULL PRIMARY KEY,
        user_id INTEGER NOT NULL UNIQUE REFERENCES "user" (id) ON DELETE CASCADE,
        confirmed_at DATETIME NOT NULL
    )
    """,
    """
    CREATE TABLE release_there (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL UNIQUE REFERENCES release_request (id) ON DELETE RESTRICT,
        release_id TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE release_message (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) REFERENCES release_request (id) ON DELETE RESTRICT,
        turn INTEGER NOT NULL,
        event_type TEXT NOT NULL,
        payload TEXT NOT NULL,
        made_at DATETIME NOT NULL,
        not_before DATETIME NOT NULL,
        attempts INTEGER NOT NULL,
        last_error TEXT NOT NULL,
        done_at DATETIME,
        cancelled_at DATETIME,
        is_refused INTEGER NOT NULL
    )
    """,
    "CREATE INDEX release_message_of_request ON release_message (request_id, turn, event_type)",
    "CREATE INDEX release_message_due ON release_message (done_at, not_before)",
    "CREATE TABLE message_reading (id INTEGER NOT NULL PRIMARY KEY, cursor INTEGER NOT NULL)",
)


def up(migrator, db):
    """Make the tables."""
    for statement in TABLES:
        db.execute_sql(statement)
