"""When a workspace was first and last run is read from an index alone, however many job requests it has."""


def up(migrator, db):
    """Make the index."""
    db.execute_sql(
        'CREATE INDEX "job_request_workspace_created" ON "job_request" ("workspace_id", "created_at")'
    )
