"""Tokens of sites elsewhere that drive the runner here."""


def up(migrator, db):
    """Make the table."""
    db.execute_sql(
        """
        CREATE TABLE controller_token (
            id INTEGER NOT NULL PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            token_hash TEXT NOT NULL UNIQUE,
            backends TEXT NOT NULL,
            created_at DATETIME NOT NULL,
            created_by TEXT NOT NULL
        )
        """
    )
