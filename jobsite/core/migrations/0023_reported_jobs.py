"""What a runner reports beside the status of a job: where its trace is, and its measures."""


def up(migrator, db):
    """Add the columns; null where nothing was reported."""
    for name in ("trace_context", "metrics"):
        db.execute_sql(f'ALTER TABLE "job" ADD COLUMN "{name}" TEXT')
