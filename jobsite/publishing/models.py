"""The tables of publication: sets of released files, and what publishers decided about each."""

from peewee import CharField, DateTimeField, FixedCharField, ForeignKeyField, TextField

from jobsite.core.db import Model
from jobsite.projects.models import Workspace
from jobsite.publishing.rules import APPROVED
from jobsite.releases.models import ReleaseFile


class Snapshot(Model):
    """Released files of one workspace, meant to be shown together; what is in it never changes.

    `contents` is the SHA-256 of the ids of its files, so the same set is one snapshot. `title` and `summary` (Markdown)
    are the author's words for readers. Whether it is published is what its newest publish request says, nothing else.
    """

    workspace = ForeignKeyField(Workspace, backref="snapshots", on_delete="RESTRICT")
    contents = FixedCharField(64)
    title = CharField(default="")
    summary = TextField(default="")
    created_at = DateTimeField()
    created_by = CharField()

    class Meta:
        indexes = ((("workspace", "contents"), True),)


class SnapshotFile(Model):
    """One file of a snapshot."""

    snapshot = ForeignKeyField(Snapshot, backref="entries", on_delete="RESTRICT")
    file = ForeignKeyField(ReleaseFile, backref="snapshots", on_delete="RESTRICT")

    class Meta:
        indexes = ((("snapshot", "file"), True),)


class PublishRequest(Model):
    """The wish to publish a snapshot, and what was decided: `decision` is "" while it waits, then approved or rejected.

    Withdrawing a published snapshot adds a rejected one. Rows are never changed after their decision.
    """

    snapshot = ForeignKeyField(Snapshot, backref="requests", on_delete="RESTRICT")
    workspace = ForeignKeyField(Workspace, backref="publish_requests", on_delete="RESTRICT")
    decision = CharField(default="")
    decision_at = DateTimeField(null=True)
    decision_by = CharField(default="")
    reason = TextField(default="")
    created_at = DateTimeField()
    created_by = CharField()

    class Meta:
        indexes = ((("decision", "id"), False), (("workspace", "id"), False))

    @property
    def is_published(self) -> bool:
        """Whether its snapshot is published, provided that it is the snapshot's newest."""
        return self.decision == APPROVED
