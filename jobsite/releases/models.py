"""The tables of releases: what left Level 4, file by file. A row stays when its bytes have been removed."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    DateTimeField,
    FixedCharField,
    FloatField,
    ForeignKeyField,
    JSONField,
    TextField,
)

from jobsite.accounts.models import Backend
from jobsite.core.db import Model
from jobsite.projects.models import Workspace


class Release(Model):
    """Files of one workspace that were released together. `id` is the ULID of their release request.

    `requested_files`, `metadata` and `review` are as they were announced. `status` is REQUESTED, APPROVED or REJECTED.
    `recalled_reason` is what the public reads where a recalled file was.
    """

    id = CharField(max_length=26, primary_key=True)
    workspace = ForeignKeyField(Workspace, backref="releases", on_delete="RESTRICT")
    backend = ForeignKeyField(Backend, backref="releases", on_delete="RESTRICT")
    status = CharField(default="REQUESTED")
    requested_files = JSONField()
    metadata = JSONField(default=dict)
    review = JSONField(null=True)
    created_at = DateTimeField()
    created_by = CharField()
    recalled_at = DateTimeField(null=True)
    recalled_by = CharField(default="")
    recalled_reason = TextField(default="")

    class Meta:
        indexes = ((("workspace", "id"), False),)


class ReleaseFile(Model):
    """One file of a release. Without `uploaded_at` its bytes are not here yet; with `deleted_at` they are gone for good.

    `name` is its path in the workspace; `mtime` is in seconds since 1970. `metadata` maps words to words: the job, the
    action, the commit and the repository it comes from, as far as they were told. `is_record` marks what was sent about
    the release (the record, the audit rows) and is no output.
    """

    id = FixedCharField(26, primary_key=True)
    release = ForeignKeyField(Release, backref="files", on_delete="RESTRICT")
    workspace = ForeignKeyField(Workspace, backref="released_files", on_delete="RESTRICT")
    name = TextField()
    sha256 = FixedCharField(64, index=True)
    size = BigIntegerField()
    mtime = FloatField()
    metadata = JSONField(default=dict)
    is_record = BooleanField(default=False)
    created_at = DateTimeField()
    created_by = CharField()
    uploaded_at = DateTimeField(null=True)
    deleted_at = DateTimeField(null=True)
    deleted_by = CharField(default="")
    deleted_reason = TextField(default="")

    class Meta:
        indexes = ((("release", "name"), True), (("workspace", "name"), False))

    @property
    def is_here(self) -> bool:
        """Whether its bytes can be read."""
        return self.uploaded_at is not None and self.deleted_at is None


class ReleaseFileReview(Model):
    """What a reviewing program said of one file: `status` is APPROVED or REJECTED."""

    release_file = ForeignKeyField(ReleaseFile, backref="reviews", on_delete="CASCADE")
    status = CharField()
    comments = JSONField(default=dict)
    created_at = DateTimeField()
    created_by = CharField()
