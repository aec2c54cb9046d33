"""Backends whose jobs an agent elsewhere carries out: which they are, which attempts it had, its tokens and its other tasks."""

from peewee import BooleanField, CharField, DateTimeField, FixedCharField, ForeignKeyField, JSONField, Model


def up(migrator, db):
    """Add the columns, where the tables are; make the tables."""
    db.execute_sql('ALTER TABLE "backend" ADD COLUMN "has_agent" BOOLEAN NOT NULL DEFAULT false')
    if "attempt" in db.get_tables():
        db.execute_sql('ALTER TABLE "attempt" ADD COLUMN "by_agent" BOOLEAN NOT NULL DEFAULT false')
    db.create_tables(_tables(db))


def _tables(db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Backend(Base):
        pass

    class AgentToken(Base):
        backend = ForeignKeyField(Backend, on_delete="CASCADE")
        name = CharField()
        token_hash = FixedCharField(64, unique=True)
        created_at = DateTimeField()
        created_by = CharField()

        class Meta:
            indexes = ((("backend", "name"), True),)

    class AgentTask(Base):
        identifier = CharField(unique=True)
        backend = ForeignKeyField(Backend, on_delete="CASCADE")
        type = CharField()
        definition = JSONField()
        is_active = BooleanField()
        created_at = DateTimeField()

        class Meta:
            indexes = ((("backend", "is_active"), False),)

    return [AgentToken, AgentTask]
