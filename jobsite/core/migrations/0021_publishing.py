"""Publications: sets of released files, and what publishers decided about each."""

from peewee import CharField, DateTimeField, FixedCharField, ForeignKeyField, Model, TextField


def up(migrator, db):
    """Make the tables."""
    db.create_tables(_tables(db))


def _tables(db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Workspace(Base):
        pass

    class ReleaseFile(Base):
        id = FixedCharField(26, primary_key=True)

    class Snapshot(Base):
        workspace = ForeignKeyField(Workspace, on_delete="RESTRICT")
        contents = FixedCharField(64)
        title = CharField()
        summary = TextField()
        created_at = DateTimeField()
        created_by = CharField()

        class Meta:
            indexes = ((("workspace", "contents"), True),)

    class SnapshotFile(Base):
        snapshot = ForeignKeyField(Snapshot, on_delete="RESTRICT")
        file = ForeignKeyField(ReleaseFile, on_delete="RESTRICT")

        class Meta:
            indexes = ((("snapshot", "file"), True),)

    class PublishRequest(Base):
        snapshot = ForeignKeyField(Snapshot, on_delete="RESTRICT")
        workspace = ForeignKeyField(Workspace, on_delete="RESTRICT")
        decision = CharField()
        decision_at = DateTimeField(null=True)
        decision_by = CharField()
        reason = TextField()
        created_at = DateTimeField()
        created_by = CharField()

        class Meta:
            indexes = ((("decision", "id"), False), (("workspace", "id"), False))

    return [Snapshot, SnapshotFile, PublishRequest]
