"""Notifications: inbox, outbox, what each person chose, how far the event log was read, signs of life of the ticks."""

from peewee import (
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
    fn,
)


def up(migrator, db):
    """Make the tables. What happened before them is told to nobody: reading begins at the newest event."""

    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Event(Base):
        pass

    class User(Base):
        pass

    class Notice(Base):
        user = ForeignKeyField(User, on_delete="CASCADE")
        kind = CharField()
        key = CharField()
        facts = JSONField()
        created_at = DateTimeField()
        read_at = DateTimeField(null=True)
        held = BooleanField()

        class Meta:
            indexes = ((("user", "key"), True), (("user", "id"), False), (("user", "kind", "read_at"), False))

    class Delivery(Base):
        identifier = FixedCharField(32, unique=True)
        channel = CharField()
        kind = CharField()
        facts = JSONField()
        user = ForeignKeyField(User, null=True, on_delete="CASCADE")
        recipient = TextField()
        state = CharField()
        attempts = IntegerField()
        created_at = DateTimeField()
        next_try_at = DateTimeField()
        sent_at = DateTimeField(null=True)
        last_error = TextField()

        class Meta:
            indexes = ((("state", "channel", "next_try_at"), False),)

    class MailChoice(Base):
        user = ForeignKeyField(User, unique=True, on_delete="CASCADE")
        jobs = CharField()
        off = JSONField()

    class Reading(Base):
        cursor = IntegerField()

    class Heartbeat(Base):
        name = CharField(unique=True)
        at = DateTimeField()
        seconds = FloatField()
        failed_at = DateTimeField(null=True)
        failure = TextField()

    db.create_tables([Notice, Delivery, MailChoice, Reading, Heartbeat])
    db.execute_sql('CREATE INDEX "notice_unread" ON "notice" ("user_id") WHERE read_at IS NULL')
    db.execute_sql('CREATE INDEX "notice_held" ON "notice" ("user_id") WHERE held')
    Reading.create(cursor=Event.select(fn.MAX(Event.id)).scalar() or 0)
