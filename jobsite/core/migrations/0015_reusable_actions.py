"""Where the code of a job lies that runs a reusable action."""

COLUMNS = (
    ("job", "code_repo", "TEXT NOT NULL DEFAULT ''"),
    ("job", "code_commit", "VARCHAR(40) NOT NULL DEFAULT ''"),
    ("job", "code_tag", "VARCHAR(255) NOT NULL DEFAULT ''"),
)


def up(migrator, db):
    """Add the columns; jobs there are run the code of their study."""
    for table, column, kind in COLUMNS:
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {kind}')
