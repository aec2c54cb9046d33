"""The tables of the link to the public side: how it stands, what was last said of people, which messages wait.

They are empty wherever no public side is elsewhere.
"""

from peewee import BooleanField, CharField, DateTimeField, ForeignKeyField, IntegerField, JSONField, TextField

from jobsite.accounts.models import User
from jobsite.core.db import Model
from jobsite.releases.requests.models import ReleaseRequest


class PublicContact(Model):
    """One row: when the public side last answered, when it last failed to and with which sentence.

    `failing_since` is the first of the failures one after the other, None while it answers; `failures` counts those that
    were written down.
    """

    succeeded_at = DateTimeField(null=True)
    failed_at = DateTimeField(null=True)
    failing_since = DateTimeField(null=True)
    failures = IntegerField(default=0)
    last_error = TextField(default="")


class Confirmation(Model):
    """When the public side last said what a person may do. Who is refused has none."""

    user = ForeignKeyField(User, unique=True, backref="confirmations", on_delete="CASCADE")
    confirmed_at = DateTimeField()


class ReleaseThere(Model):
    """Under which id the public side keeps the release of a request: it chooses, and need not take ours."""

    request = ForeignKeyField(ReleaseRequest, unique=True, on_delete="RESTRICT")
    release_id = CharField()


class ReleaseMessage(Model):
    """Something the public side is told of a release request, in the order of `id`: the outbox.

    `event_type` is that of the wire; it is told once for each turn of the request. A row of no request is a checkpoint of
    the event log. It is due when `not_before` has come and all rows of its request before it are `done_at` or
    `cancelled_at`. `is_refused`: the other side said that it will never take it.
    """

    request = ForeignKeyField(ReleaseRequest, null=True, backref="messages", on_delete="RESTRICT")
    turn = IntegerField(default=0)
    event_type = CharField()
    payload = JSONField(default=dict)
    made_at = DateTimeField()
    not_before = DateTimeField()
    attempts = IntegerField(default=0)
    last_error = TextField(default="")
    done_at = DateTimeField(null=True)
    cancelled_at = DateTimeField(null=True)
    is_refused = BooleanField(default=False)

    class Meta:
        indexes = ((("request", "turn", "event_type"), False), (("done_at", "not_before"), False))


class MessageReading(Model):
    """How far the event log has been read for messages: one row."""

    cursor = IntegerField(default=0)
