"""The journal of job requests that are sent to the controller, and how it stands with it. Empty where there is none."""

from peewee import DateTimeField, ForeignKeyField, IntegerField, JSONField, TextField

from jobsite.core.db import Model
from jobsite.jobs.models import JobRequest


class SentRequest(Model):
    """A job request on its way to the controller, and what is known there of it.

    `tries` calls were made to have jobs made of it; the last `unanswered` of them may have reached the controller without
    any word of it. The next is due at `not_before`, None when there is none to come. `answered_at` is when the controller
    said what became of it; before that, and with no call to come, it is settled by the next question how its jobs stand,
    which was last answered at `asked_at`. `cancelled` are the actions of which the controller knows that nobody wants them
    any more. `problem` is what went wrong last.
    """

    job_request = ForeignKeyField(JobRequest, unique=True, backref="sent", on_delete="CASCADE")
    tries = IntegerField(default=0)
    unanswered = IntegerField(default=0)
    not_before = DateTimeField(null=True, index=True)
    answered_at = DateTimeField(null=True)
    asked_at = DateTimeField(null=True)
    cancelled = JSONField(default=list)
    problem = TextField(default="")


class ControllerContact(Model):
    """One row: when the controller last answered, when it last failed to, since when, and with which sentence.

    `refused_at` is since when it does not accept the token of this site, which is told of once; None while it does.
    """

    succeeded_at = DateTimeField(null=True)
    failed_at = DateTimeField(null=True)
    failing_since = DateTimeField(null=True)
    refused_at = DateTimeField(null=True)
    problem = TextField(default="")
