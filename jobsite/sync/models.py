"""The journal of a secure side: which job requests it knows of, and what the public side has accepted of their jobs."""

from peewee import (
    BooleanField,
    CharField,
    DateTimeField,
    FixedCharField,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from jobsite.core.db import Model
from jobsite.jobs.models import JobRequest


class FetchedRequest(Model):
    """A job request that the public side has listed. `job_request` is what it became here, None until then.

    `problem` is why it did not become one at the last of `tries`, which are made again from `not_before` on; without such a
    moment it never will (`is_hopeless`). `accepted` is
    the SHA-256 of what the public side last accepted of its jobs, times of reports apart, at `accepted_at`; `refusal` is
    what it said to the last report that it refused. `is_settled`: all jobs have ended, and it knows.
    """

    identifier = FixedCharField(16, unique=True)
    job_request = ForeignKeyField(JobRequest, null=True, unique=True, backref="fetched", on_delete="CASCADE")
    first_seen_at = DateTimeField()
    tries = IntegerField(default=0)
    not_before = DateTimeField(null=True)
    problem = TextField(default="")
    accepted = CharField(default="")
    accepted_at = DateTimeField(null=True)
    refusal = TextField(default="")
    is_settled = BooleanField(default=False)

    @property
    def is_hopeless(self) -> bool:
        """Whether it can become no job request here, however often it is tried."""
        return self.job_request_id is None and bool(self.problem) and self.not_before is None

    class Meta:
        indexes = ((("is_settled",), False),)
