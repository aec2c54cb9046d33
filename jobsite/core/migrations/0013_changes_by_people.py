"""An index of the events that are not steps of jobs: the audit log shows those first, and they are few among many."""


def up(migrator, db):
    """Add the index."""
    db.execute_sql(
        """CREATE INDEX "event_not_of_jobs" ON "event" ("id") WHERE (type < 'job:' OR type >= 'job;')"""
    )
