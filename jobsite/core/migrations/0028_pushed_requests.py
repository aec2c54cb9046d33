"""How job requests get to who runs them elsewhere, and the journal of those that are sent to a controller."""

from peewee import DateTimeField, ForeignKeyField, IntegerField, JSONField, Model, TextField


def up(migrator, db):
    """Add the column, and make the tables."""
    db.execute_sql('ALTER TABLE "backend" ADD COLUMN "dispatch" TEXT NOT NULL DEFAULT \'poll\'')
    db.create_tables(_tables(db))


def _tables(db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class JobRequest(Base):
        pass

    class SentRequest(Base):
        job_request = ForeignKeyField(JobRequest, unique=True, on_delete="CASCADE")
        tries = IntegerField()
        unanswered = IntegerField()
        not_before = DateTimeField(null=True, index=True)
        answered_at = DateTimeField(null=True)
        asked_at = DateTimeField(null=True)
        cancelled = JSONField()
        problem = TextField()

    class ControllerContact(Base):
        succeeded_at = DateTimeField(null=True)
        failed_at = DateTimeField(null=True)
        failing_since = DateTimeField(null=True)
        refused_at = DateTimeField(null=True)
        problem = TextField()

    return [SentRequest, ControllerContact]
