"""The tables of notifications: what each person was told, and what has to leave this machine for it.

Neither holds a secret, a line of a log, or the name of an output: only what public pages show, and ids.
"""

import secrets

from peewee import (
    SQL,
    BooleanField,
    CharField,
    DateTimeField,
    FixedCharField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import Model
from jobsite.notifications.rules import EACH, WAITING


class Notice(Model):
    """An entry of a person's inbox. `facts` are what its words are made of (`wording.worded`).

    `key` keeps the same news from being told twice. `held`: it is old news, told by one summary instead of a mail.
    """

    user = ForeignKeyField(User, backref="notices", on_delete="CASCADE")
    kind = CharField()
    key = CharField()
    facts = JSONField(default=dict)
    created_at = DateTimeField(default=now)
    read_at = DateTimeField(null=True)
    held = BooleanField(default=False)

    class Meta:
        indexes = ((("user", "key"), True), (("user", "id"), False), (("user", "kind", "read_at"), False))


Notice.add_index(Notice.index(Notice.user, where=SQL("read_at IS NULL"), name="notice_unread"))
Notice.add_index(Notice.index(Notice.user, where=SQL("held"), name="notice_held"))


class Delivery(Model):
    """A row of the outbox: one thing to hand over to one channel ("mail", "webhook" or "issue").

    `identifier` is the same in every try, so that whoever receives it twice can tell. `user` is whom a mail is for;
    `recipient` is the address, "" for the address the person has when it leaves. A waiting row whose
    `next_try_at` has passed is due; whoever takes it puts that time off, so that nobody else takes it too.
    """

    identifier = FixedCharField(32, unique=True, default=lambda: secrets.token_hex(16))
    channel = CharField()
    kind = CharField()
    facts = JSONField(default=dict)
    user = ForeignKeyField(User, null=True, backref="deliveries", on_delete="CASCADE")
    recipient = TextField(default="")
    state = CharField(default=WAITING)
    attempts = IntegerField(default=0)
    created_at = DateTimeField(default=now)
    next_try_at = DateTimeField(default=now)
    sent_at = DateTimeField(null=True)
    last_error = TextField(default="")

    class Meta:
        indexes = ((("state", "channel", "next_try_at"), False),)


class MailChoice(Model):
    """What a person wants by e-mail. `jobs` is one of `rules.CHOICES`; `off` are the groups switched off."""

    user = ForeignKeyField(User, unique=True, backref="mail_choices", on_delete="CASCADE")
    jobs = CharField(default=EACH)
    off = JSONField(default=list)


class Reading(Model):
    """How far the event log has been read: one row."""

    cursor = IntegerField(default=0)


class Heartbeat(Model):
    """The last run of a tick: when, for how many seconds, and when and why it last failed ("" where it never did)."""

    name = CharField(unique=True)
    at = DateTimeField()
    seconds = FloatField(default=0)
    failed_at = DateTimeField(null=True)
    failure = TextField(default="")
