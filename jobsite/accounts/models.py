"""People, their sessions, and the backends: everybody and everything that acts with a token."""

import hashlib
from collections.abc import Mapping
from typing import Any

from peewee import (
    AutoField,
    BooleanField,
    DateTimeField,
    FixedCharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
    fn,
)

from jobsite.accounts.rules import PERMISSIONS, POLL, permissions_of
from jobsite.core.clock import now
from jobsite.core.db import Model


class User(Model):
    """A person, or a bot that only acts with API tokens. `username` and `email` are unique ignoring case.

    `roles` are names of global roles. `login_token_hash` and `login_token_expires_at` are set together: the
    single-use token, of which only a slow hash is kept. `email_confirmed_at` is set for an address that staff,
    a command or a provider who checked it gave, or whose mailed link was followed; until then the address a person
    asked for waits in `new_email`, and `old_email` is the one before the last change. Raising `session_epoch` ends all sessions that began before.
    """

    id = AutoField()
    username = TextField()
    fullname = TextField()
    email = TextField(null=True, unique=True)
    email_confirmed_at = DateTimeField(null=True)
    roles = JSONField(default=list)
    is_active = BooleanField(default=True)
    is_bot = BooleanField(default=False)
    date_joined = DateTimeField()
    created_by = TextField()
    last_login = DateTimeField(null=True)
    login_token_hash = TextField(null=True)
    login_token_expires_at = DateTimeField(null=True)
    session_epoch = IntegerField(default=0)
    new_email = TextField(null=True)
    new_email_asked_at = DateTimeField(null=True)
    old_email = TextField(null=True)

    is_authenticated = True
    is_anonymous = False
    session_token = ""
    known: Mapping[str, Any] = {}
    """What else was read along with their session, for the frame of every page."""

    def get_id(self) -> str:
        """What Flask-Login keeps in the cookie: the token of the session, never the number of the person."""
        return self.session_token

    @property
    def display_name(self) -> str:
        """How a person is named where others read it."""
        return f"{self.fullname} ({self.username})"

    @property
    def permissions(self) -> frozenset[str]:
        """What the person's global roles permit on every project."""
        return permissions_of(self.roles)


User.add_index(fn.LOWER(User.username), unique=True, name="user_username_lower")


class AnonymousPerson:
    """Who looks at a page without being logged in."""

    id = None
    username = ""
    fullname = ""
    roles: tuple[str, ...] = ()
    permissions: frozenset[str] = frozenset()
    is_authenticated = False
    is_anonymous = True
    is_active = False

    def get_id(self) -> None:
        """Nobody has no session."""


class Identity(Model):
    """Who a person is at a provider: its immutable `uid` there. `name_there` is only for people to read.

    `provider` is "github" or the address of an OpenID Connect issuer.
    """

    id = AutoField()
    provider = TextField()
    uid = TextField()
    user = ForeignKeyField(User, backref="identities")
    name_there = TextField()
    created_at = DateTimeField()

    class Meta:
        indexes = ((("provider", "uid"), True),)


class Session(Model):
    """A login. Of its token only the SHA-256 is kept; `ended_at` is set when it was ended before its time.

    `epoch` is the person's `session_epoch` when it began, `way` how they signed in ("a single-use token",
    "GitHub"), `browser` the family of the browser in words.
    """

    id = AutoField()
    token_hash = FixedCharField(64, unique=True)
    user = ForeignKeyField(User, backref="sessions")
    created_at = DateTimeField()
    last_seen_at = DateTimeField()
    ended_at = DateTimeField(null=True)
    epoch = IntegerField(default=0)
    way = TextField(default="")
    browser = TextField(default="")


class ApiToken(Model):
    """A token with which a program acts for a person or a bot; only its SHA-256 is kept. It ends at `expires_at`."""

    id = AutoField()
    user = ForeignKeyField(User, backref="api_tokens")
    name = TextField()
    token_hash = FixedCharField(64, unique=True)
    expires_at = DateTimeField()
    created_at = DateTimeField()
    created_by = TextField()
    last_used_at = DateTimeField(null=True)
    revoked_at = DateTimeField(null=True)


class Backend(Model):
    """A secure server that runs jobs. It acts with a token of its own, of which only the SHA-256 is kept.

    After a rotation the token before works until `old_token_until`.
    `alert_timeout` is in seconds: after so long without contact the backend counts as missing.
    Each flag has the time of its last change. `is_maintenance_manual`: a person switched the maintenance on, so
    a report of the database does not end it. `are_checks_disabled`: reports of the database change nothing.
    `is_rebooting`: its jobs are stopped for a restart of the server. `is_remote`: a program with its token fetches its
    requests and runs them, so a site of both sides does not (`queries.runs_here`). `dispatch` is how its job requests get to
    who runs them elsewhere: one of `rules.DISPATCHES`; what is pushed is never run here. `has_agent`: what is planned
    here is carried out by an agent on another machine, which fetches it (`queries.executes_here`). `maintenance_from` and
    `maintenance_until` are the next maintenance of the database that is planned.
    """

    id = AutoField()
    slug = TextField(unique=True)
    name = TextField()
    is_active = BooleanField(default=True)
    accepts_jobs = BooleanField(default=True)
    auth_token_hash = FixedCharField(64, null=True, unique=True)
    old_token_hash = FixedCharField(64, null=True)
    old_token_until = DateTimeField(null=True)
    alert_timeout = IntegerField(default=300)
    last_seen_at = DateTimeField(null=True)
    is_in_maintenance_mode = BooleanField(default=False)
    maintenance_since = DateTimeField(null=True)
    maintenance_from = DateTimeField(null=True)
    maintenance_until = DateTimeField(null=True)
    is_paused = BooleanField(default=False)
    paused_since = DateTimeField(null=True)
    is_maintenance_manual = BooleanField(default=False)
    maintenance_manual_since = DateTimeField(null=True)
    are_checks_disabled = BooleanField(default=False)
    checks_disabled_since = DateTimeField(null=True)
    is_rebooting = BooleanField(default=False)
    rebooting_since = DateTimeField(null=True)
    is_remote = BooleanField(default=False)
    has_agent = BooleanField(default=False)
    dispatch = TextField(default=POLL)
    created_at = DateTimeField()
    created_by = TextField()

    @property
    def is_maintenance_planned(self) -> bool:
        """Whether a maintenance of its database was told of that is not over."""
        return self.maintenance_until is not None and self.maintenance_until > now()


class BackendMembership(Model):
    """A person may run jobs on this backend, browse its Level 4 outputs and use single-use tokens there."""

    id = AutoField()
    backend = ForeignKeyField(Backend, backref="memberships")
    user = ForeignKeyField(User, backref="backend_memberships")
    created_at = DateTimeField()
    created_by = TextField()

    class Meta:
        indexes = ((("backend", "user"), True),)


def token_hash(token: str) -> str:
    """What is kept of the token of a session or backend: its SHA-256 in hex.

    Such tokens are at least 160 random bits, so a fast hash keeps them safe; looking one up by it leaks no timing.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def username_of(by: "User | str") -> str:
    """The name of who acts, for events and `created_by`: a person's username, or "system" for commands."""
    return by if isinstance(by, str) else by.username


def permissions_everywhere(by: "User | str") -> frozenset[str]:
    """What the one who acts may do on the whole site; a command of the machine's owner may do all."""
    return frozenset(PERMISSIONS) if isinstance(by, str) else by.permissions
