"""People, sessions, backends."""

from peewee import (
    BooleanField,
    DateTimeField,
    FixedCharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    TextField,
    fn,
)


def up(migrator, db):
    """Make the tables."""

    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    user, session = _people(Base)
    backend, membership = _backends(Base, user)
    db.create_tables([user, session, backend, membership])


def _people(base):
    class User(base):
        username = TextField()
        fullname = TextField()
        email = TextField(null=True, unique=True)
        email_confirmed_at = DateTimeField(null=True)
        roles = JSONField(default=list)
        is_active = BooleanField(default=True)
        date_joined = DateTimeField()
        created_by = TextField()
        last_login = DateTimeField(null=True)
        login_token_hash = TextField(null=True)
        login_token_expires_at = DateTimeField(null=True)

    User.add_index(fn.LOWER(User.username), unique=True, name="user_username_lower")

    class Session(base):
        token_hash = FixedCharField(64, unique=True)
        user = ForeignKeyField(User, backref="sessions")
        created_at = DateTimeField()
        last_seen_at = DateTimeField()
        ended_at = DateTimeField(null=True)

    return User, Session


def _backends(base, person):
    class Backend(base):
        slug = TextField(unique=True)
        name = TextField()
        is_active = BooleanField(default=True)
        accepts_jobs = BooleanField(default=True)
        auth_token_hash = FixedCharField(64, null=True, unique=True)
        alert_timeout = IntegerField(default=300)
        last_seen_at = DateTimeField(null=True)
        is_in_maintenance_mode = BooleanField(default=False)
        maintenance_since = DateTimeField(null=True)
        is_paused = BooleanField(default=False)
        paused_since = DateTimeField(null=True)
        created_at = DateTimeField()
        created_by = TextField()

    class BackendMembership(base):
        backend = ForeignKeyField(Backend, backref="memberships")
        user = ForeignKeyField(person, backref="backend_memberships")
        created_at = DateTimeField()
        created_by = TextField()

        class Meta:
            indexes = ((("backend", "user"), True),)

    return Backend, BackendMembership
