"""Indexes for the text search of job requests: by the action of a job, and of requests without jobs."""


def up(migrator, db):
    """Add the indexes."""
    db.execute_sql('CREATE INDEX "job_action_request" ON "job" ("action", "job_request_id")')
    db.execute_sql('CREATE INDEX "job_request_without_jobs" ON "job_request" ("id") WHERE jobs_total = 0')
