"""What a runner keeps of the sites that drive it."""

from peewee import CharField, DateTimeField, JSONField

from jobsite.core.db import Model


class ControllerToken(Model):
    """A site elsewhere that may have jobs run here: only the SHA-256 of its token is kept. `backends` are slugs."""

    name = CharField(unique=True)
    token_hash = CharField(unique=True)
    backends = JSONField()
    created_at = DateTimeField()
    created_by = CharField()
