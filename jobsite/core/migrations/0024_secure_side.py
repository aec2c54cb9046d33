"""Backends whose jobs run elsewhere; the journal of the job requests that a secure side has fetched."""

from peewee import (
    BooleanField,
    CharField,
    DateTimeField,
    FixedCharField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)


def up(migrator, db):
    """Add the column; make the table."""
    db.execute_sql('ALTER TABLE "backend" ADD COLUMN "is_remote" BOOLEAN NOT NULL DEFAULT false')
    db.create_tables([_table(db)])


def _table(db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class JobRequest(Base):
        pass

    class FetchedRequest(Base):
        identifier = FixedCharField(16, unique=True)
        job_request = ForeignKeyField(JobRequest, null=True, unique=True, on_delete="CASCADE")
        first_seen_at = DateTimeField()
        tries = IntegerField()
        not_before = DateTimeField(null=True)
        problem = TextField()
        accepted = CharField()
        accepted_at = DateTimeField(null=True)
        refusal = TextField()
        is_settled = BooleanField()

        class Meta:
            indexes = ((("is_settled",), False),)

    return FetchedRequest
