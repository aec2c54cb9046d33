"""Releases and their files; sealed release records and the outbox of uploads.

A sealed record may be voided once, and is otherwise neither changed nor deleted: triggers hold that.
"""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    DateTimeField,
    FixedCharField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)

TRIGGERS = (
    """
    CREATE TRIGGER sealed_record_kept BEFORE UPDATE ON sealed_record
    WHEN OLD.voided_at IS NOT NULL OR OLD.text <> NEW.text OR OLD.audit <> NEW.audit OR OLD.sha256 <> NEW.sha256
        OR OLD.request_id <> NEW.request_id OR OLD.sequence <> NEW.sequence OR OLD.sealed_at <> NEW.sealed_at
    BEGIN
        SELECT RAISE(ABORT, 'a sealed release record cannot be changed');
    END
    """,
    """
    CREATE TRIGGER sealed_record_stays BEFORE DELETE ON sealed_record BEGIN
        SELECT RAISE(ABORT, 'a sealed release record cannot be deleted');
    END
    """,
)


def up(migrator, db):
    """Make the tables."""
    db.create_tables(_tables(db))
    for statement in TRIGGERS:
        db.execute_sql(statement)


def _tables(db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Workspace(Base):
        pass

    class Backend(Base):
        pass

    class ReleaseRequest(Base):
        id = FixedCharField(26, primary_key=True)

    class Release(Base):
        id = CharField(max_length=26, primary_key=True)
        workspace = ForeignKeyField(Workspace, on_delete="RESTRICT")
        backend = ForeignKeyField(Backend, on_delete="RESTRICT")
        status = CharField()
        requested_files = JSONField()
        metadata = JSONField()
        review = JSONField(null=True)
        created_at = DateTimeField()
        created_by = CharField()
        recalled_at = DateTimeField(null=True)
        recalled_by = CharField()
        recalled_reason = TextField()

        class Meta:
            indexes = ((("workspace", "id"), False),)

    class ReleaseFile(Base):
        id = FixedCharField(26, primary_key=True)
        release = ForeignKeyField(Release, on_delete="RESTRICT")
        workspace = ForeignKeyField(Workspace, on_delete="RESTRICT")
        name = TextField()
        sha256 = FixedCharField(64, index=True)
        size = BigIntegerField()
        mtime = FloatField()
        metadata = JSONField()
        is_record = BooleanField()
        created_at = DateTimeField()
        created_by = CharField()
        uploaded_at = DateTimeField(null=True)
        deleted_at = DateTimeField(null=True)
        deleted_by = CharField()
        deleted_reason = TextField()

        class Meta:
            indexes = ((("release", "name"), True), (("workspace", "name"), False))

    class ReleaseFileReview(Base):
        release_file = ForeignKeyField(ReleaseFile, on_delete="CASCADE")
        status = CharField()
        comments = JSONField()
        created_at = DateTimeField()
        created_by = CharField()

    class SealedRecord(Base):
        request = ForeignKeyField(ReleaseRequest, on_delete="RESTRICT")
        sequence = IntegerField()
        sha256 = FixedCharField(64)
        text = TextField()
        audit = TextField()
        sealed_at = DateTimeField()
        voided_at = DateTimeField(null=True)

        class Meta:
            indexes = ((("request", "sequence"), True),)

    class UploadStep(Base):
        request = ForeignKeyField(ReleaseRequest, on_delete="RESTRICT")
        position = IntegerField()
        kind = CharField()
        path = TextField()
        sha256 = CharField()
        payload = JSONField()
        sender = CharField()
        not_before = DateTimeField()
        attempts = IntegerField()
        last_error = TextField()
        last_status = IntegerField(null=True)
        done_at = DateTimeField(null=True)
        stuck_at = DateTimeField(null=True)
        cancelled_at = DateTimeField(null=True)

        class Meta:
            indexes = ((("request", "position"), False), (("done_at", "not_before"), False))

    return [Release, ReleaseFile, ReleaseFileReview, SealedRecord, UploadStep]
