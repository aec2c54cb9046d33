"""What reviewing programs elsewhere tell of release requests (specification 9.6), and the issues that follow from it."""

from peewee import CharField, DateTimeField, FixedCharField, ForeignKeyField, IntegerField, JSONField

from jobsite.accounts.models import Backend, User
from jobsite.core.clock import now
from jobsite.core.db import Model
from jobsite.projects.models import Workspace


class ToldReview(Model):
    """One step of a release request that is reviewed elsewhere, as it was told.

    `step` is one of `told_rules.STEPS`. `updates` are lines of text, `repo` where its issue is to be ("": as the settings
    say). The same step of the same turn is stored once; programs that tell no turn are known by the `digest` of what they
    said last.
    """

    backend = ForeignKeyField(Backend, backref="told_reviews", on_delete="RESTRICT")
    workspace = ForeignKeyField(Workspace, backref="told_reviews", on_delete="RESTRICT")
    author = ForeignKeyField(User, backref="told_reviews", on_delete="RESTRICT")
    request = CharField()
    turn = IntegerField(null=True)
    step = CharField()
    by = CharField()
    updates = JSONField(default=list)
    repo = CharField(default="")
    digest = FixedCharField(64)
    created_at = DateTimeField(default=now)

    class Meta:
        indexes = ((("backend", "request", "step"), False),)


class ReviewIssue(Model):
    """The number of the issue that was made for a release request in a repository."""

    repo = CharField()
    request = CharField()
    number = IntegerField()

    class Meta:
        indexes = ((("repo", "request"), True),)
