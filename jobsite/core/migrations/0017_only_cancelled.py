"""Requests that failed only because their jobs were cancelled are marked, and lists by status are read from an index."""

LISTED = (("jobrequest_status", '"status"'), ("jobrequest_backend_id_status", '"backend_id", "status"'))


def up(migrator, db):
    """Add the mark, set it where it belongs, and put it into the indexes: so each list is one stretch of an index."""
    db.execute_sql('ALTER TABLE "job_request" ADD COLUMN "only_cancelled" INTEGER NOT NULL DEFAULT 0')
    db.execute_sql(
        'UPDATE "job_request" SET "only_cancelled" = 1 WHERE "status" = \'failed\''
        ' AND "id" IN (SELECT "job_request_id" FROM "job" WHERE "state" = \'cancelled\')'
        ' AND "id" NOT IN (SELECT "job_request_id" FROM "job" WHERE "state" = \'failed\')'
    )
    for name, columns in LISTED:
        db.execute_sql(f'DROP INDEX "{name}"')
        db.execute_sql(f'CREATE INDEX "{name}_only_cancelled" ON "job_request" ({columns}, "only_cancelled")')
