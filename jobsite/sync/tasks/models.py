"""What is kept of agents: their tokens, and tasks that are no jobs."""

from peewee import BooleanField, CharField, DateTimeField, FixedCharField, ForeignKeyField, JSONField

from jobsite.accounts.models import Backend
from jobsite.core.db import Model


class AgentToken(Model):
    """A token of the agent of one backend: only its SHA-256 is kept. Several at once let it be replaced without a stop."""

    backend = ForeignKeyField(Backend, backref="agent_tokens", on_delete="CASCADE")
    name = CharField()
    token_hash = FixedCharField(64, unique=True)
    created_at = DateTimeField()
    created_by = CharField()

    class Meta:
        indexes = ((("backend", "name"), True),)


class AgentTask(Model):
    """A question to the database of a backend, which its agent asks; `is_active` until it has told the answer. The tasks of
    jobs are their attempts."""

    identifier = CharField(unique=True)
    backend = ForeignKeyField(Backend, backref="agent_tasks", on_delete="CASCADE")
    type = CharField()
    definition = JSONField()
    is_active = BooleanField(default=True)
    created_at = DateTimeField()

    class Meta:
        indexes = ((("backend", "is_active"), False),)
