"""What the public side keeps for a secure side."""

from peewee import BigIntegerField, CharField, DateTimeField, ForeignKeyField, TextField

from jobsite.accounts.models import Backend
from jobsite.core.db import Model


class Checkpoint(Model):
    """The head of the event log of a backend's secure side at a row, as it was sent: whoever rewrites that log later shows.

    `head` is the hash of row `seq`, `key` the fingerprint of the key of the signature.
    """

    backend = ForeignKeyField(Backend, backref="checkpoints", on_delete="RESTRICT")
    seq = BigIntegerField()
    head = CharField()
    at = DateTimeField()
    key = TextField()
    signature = TextField()
    received_at = DateTimeField()

    class Meta:
        indexes = ((("backend", "seq"), True),)
