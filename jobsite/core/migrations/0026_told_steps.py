"""What reviewing programs elsewhere tell: steps of release requests with their issues, and heads of the event logs there."""

from peewee import (
    BigIntegerField,
    CharField,
    DateTimeField,
    FixedCharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)


def up(migrator, db):
    """Make the tables."""
    db.create_tables(_tables(db))


def _tables(db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Backend(Base):
        pass

    class Workspace(Base):
        pass

    class User(Base):
        pass

    class ToldReview(Base):
        backend = ForeignKeyField(Backend, on_delete="RESTRICT")
        workspace = ForeignKeyField(Workspace, on_delete="RESTRICT")
        author = ForeignKeyField(User, on_delete="RESTRICT")
        request = CharField()
        turn = IntegerField(null=True)
        step = CharField()
        by = CharField()
        updates = JSONField()
        repo = CharField()
        digest = FixedCharField(64)
        created_at = DateTimeField()

        class Meta:
            indexes = ((("backend", "request", "step"), False),)

    class ReviewIssue(Base):
        repo = CharField()
        request = CharField()
        number = IntegerField()

        class Meta:
            indexes = ((("repo", "request"), True),)

    class Checkpoint(Base):
        backend = ForeignKeyField(Backend, on_delete="RESTRICT")
        seq = BigIntegerField()
        head = CharField()
        at = DateTimeField()
        key = TextField()
        signature = TextField()
        received_at = DateTimeField()

        class Meta:
            indexes = ((("backend", "seq"), True),)

    return [ToldReview, ReviewIssue, Checkpoint]
