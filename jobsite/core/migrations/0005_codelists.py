"""What the codelist service said."""

from peewee import CharField, DateTimeField, FixedCharField, ForeignKeyField, IntegerField, Model, TextField


def up(migrator, db):
    """Make the table."""

    class Repo(Model):
        class Meta:
            database = db
            table_name = "repo"

    class CodelistsCheck(Model):
        sha256 = FixedCharField(64, unique=True)
        repo = ForeignKeyField(Repo, on_delete="CASCADE")
        commit = FixedCharField(40)
        verdict = CharField()
        checked_at = DateTimeField(null=True)
        problem = TextField()
        tries = IntegerField()
        next_at = DateTimeField(index=True)

        class Meta:
            database = db
            table_name = "codelists_check"

    db.create_tables([CodelistsCheck])
