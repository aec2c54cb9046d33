"""The event log."""

from peewee import DateTimeField, FixedCharField, Model, TextField


def up(migrator, db):
    """Make the table."""

    class Event(Model):
        at = DateTimeField()
        type = TextField()
        by = TextField()
        subject = TextField()
        data = TextField()
        previous = FixedCharField(64)
        hash = FixedCharField(64, unique=True)

        class Meta:
            database = db
            table_name = "event"
            indexes = ((("subject",), False), (("type",), False), (("by",), False))

    db.create_tables([Event])
