"""Identities at GitHub and OpenID Connect providers, API tokens, bots, e-mail changes, an overlap of backend tokens."""

from peewee import AutoField, DateTimeField, FixedCharField, ForeignKeyField, Model, TextField

COLUMNS = (
    ("user", "is_bot", "BOOLEAN NOT NULL DEFAULT false"),
    ("user", "session_epoch", "INTEGER NOT NULL DEFAULT 0"),
    ("user", "new_email", "TEXT"),
    ("user", "new_email_asked_at", "DATETIME"),
    ("user", "old_email", "TEXT"),
    ("session", "epoch", "INTEGER NOT NULL DEFAULT 0"),
    ("session", "way", "TEXT NOT NULL DEFAULT ''"),
    ("session", "browser", "TEXT NOT NULL DEFAULT ''"),
    ("backend", "old_token_hash", "CHAR(64)"),
    ("backend", "old_token_until", "DATETIME"),
)


def up(migrator, db):
    """Add the columns and the two tables; the sessions that are there go on."""
    for table, column, kind in COLUMNS:
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {kind}')

    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class User(Base):
        id = AutoField()

    class Identity(Base):
        id = AutoField()
        provider = TextField()
        uid = TextField()
        user = ForeignKeyField(User, backref="identities")
        name_there = TextField()
        created_at = DateTimeField()

        class Meta:
            indexes = ((("provider", "uid"), True),)

    class ApiToken(Base):
        id = AutoField()
        user = ForeignKeyField(User, backref="api_tokens")
        name = TextField()
        token_hash = FixedCharField(64, unique=True)
        expires_at = DateTimeField()
        created_at = DateTimeField()
        created_by = TextField()
        last_used_at = DateTimeField(null=True)
        revoked_at = DateTimeField(null=True)

    db.create_tables([Identity, ApiToken])
