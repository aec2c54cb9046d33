"""What the search looks at that no other room keeps."""

from peewee import CompositeKey, ForeignKeyField, TextField

from jobsite.core.db import Model
from jobsite.jobs.models import Job
from jobsite.projects.models import Workspace


class WorkspaceAction(Model):
    """An action that has run, or waited to run, in a workspace, with its newest job.

    Kept by triggers on the jobs (migration 0010), never written from here: so 100,000 jobs are some thousand rows.
    """

    workspace = ForeignKeyField(Workspace, backref="actions", on_delete="CASCADE")
    action = TextField()
    job = ForeignKeyField(Job, backref="newest_of", on_delete="CASCADE")

    class Meta:
        primary_key = CompositeKey("workspace", "action")
