"""The tables of the way out of Level 4: sealed release records, and the outbox of what is still to be sent."""

from peewee import (
    CharField,
    DateTimeField,
    FixedCharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from jobsite.core.db import Model
from jobsite.releases.requests.models import ReleaseRequest


class SealedRecord(Model):
    """A release record as it was sealed, with the audit rows signed beside it; canonical JSON both. Never changed.

    `sequence` counts the records of a request from 1. A record with `voided_at` belongs to an approval that was stopped
    inside its undo window; a later one that is not void succeeds it (a recall), and names it by its SHA-256.
    """

    request = ForeignKeyField(ReleaseRequest, backref="records", on_delete="RESTRICT")
    sequence = IntegerField()
    sha256 = FixedCharField(64)
    text = TextField()
    audit = TextField()
    sealed_at = DateTimeField()
    voided_at = DateTimeField(null=True)

    class Meta:
        indexes = ((("request", "sequence"), True),)


class UploadStep(Model):
    """One thing to send of a request, in the order of `position`: the outbox.

    `kind` is create, file, record or revoke; `path` is that of the file, "" where there is none. It is due when
    `not_before` has come and all steps before it have `done_at`. `sender` is the person in whose name it is sent.
    `stuck_at` waits for a person; `cancelled_at` is of an approval that was stopped, or a file recalled before it left.
    """

    request = ForeignKeyField(ReleaseRequest, backref="upload_steps", on_delete="RESTRICT")
    position = IntegerField()
    kind = CharField()
    path = TextField(default="")
    sha256 = CharField(default="")
    payload = JSONField(default=dict)
    sender = CharField()
    not_before = DateTimeField()
    attempts = IntegerField(default=0)
    last_error = TextField(default="")
    last_status = IntegerField(null=True)
    done_at = DateTimeField(null=True)
    stuck_at = DateTimeField(null=True)
    cancelled_at = DateTimeField(null=True)

    class Meta:
        indexes = ((("request", "position"), False), (("done_at", "not_before"), False))
