"""Job requests, jobs, attempts and the outputs they made."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    DateTimeField,
    FixedCharField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)


def up(migrator, db):
    """Make the tables."""

    class User(Model):
        class Meta:
            database = db
            table_name = "user"

    class Backend(Model):
        class Meta:
            database = db
            table_name = "backend"

    class Workspace(Model):
        class Meta:
            database = db
            table_name = "workspace"

    class ProjectFile(Model):
        sha256 = FixedCharField(64, unique=True)
        text = TextField()

        class Meta:
            database = db
            table_name = "project_file"

    class JobRequest(Model):
        identifier = FixedCharField(16, unique=True)
        workspace = ForeignKeyField(Workspace, on_delete="RESTRICT")
        backend = ForeignKeyField(Backend, on_delete="RESTRICT")
        requested_actions = JSONField()
        cancelled_actions = JSONField()
        force_run_dependencies = BooleanField()
        commit = FixedCharField(40)
        project_file = ForeignKeyField(ProjectFile, on_delete="RESTRICT")
        codelists_ok = BooleanField()
        will_notify = BooleanField()
        status = CharField()
        status_message = TextField()
        jobs_total = IntegerField()
        jobs_succeeded = IntegerField()
        form_key = CharField(null=True, unique=True)
        created_at = DateTimeField()
        created_by = ForeignKeyField(User, on_delete="RESTRICT")
        started_at = DateTimeField(null=True)
        completed_at = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "job_request"
            indexes = (
                (("workspace", "id"), False),
                (("backend", "status"), False),
                (("status",), False),
                (("created_by", "id"), False),
            )

    class Job(Model):
        identifier = FixedCharField(16, unique=True)
        job_request = ForeignKeyField(JobRequest, on_delete="RESTRICT")
        workspace = ForeignKeyField(Workspace, on_delete="RESTRICT")
        backend = ForeignKeyField(Backend, on_delete="RESTRICT")
        action = TextField()
        position = IntegerField()
        run_command = TextField()
        is_database_action = BooleanField()
        needs = JSONField()
        outputs = JSONField()
        reason = TextField()
        state = CharField()
        status_code = CharField()
        status_message = TextField()
        cancel_asked_at = DateTimeField(null=True)
        cancel_asked_by = CharField(null=True)
        attempts_made = IntegerField()
        created_at = DateTimeField()
        updated_at = DateTimeField()
        status_code_updated_at = DateTimeField()
        started_at = DateTimeField(null=True)
        completed_at = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "job"
            indexes = (
                (("workspace", "backend", "action", "id"), False),
                (("job_request", "position"), False),
                (("state",), False),
            )

    class Attempt(Model):
        job = ForeignKeyField(Job, on_delete="RESTRICT")
        number = IntegerField()
        identifier = CharField(unique=True)
        created_at = DateTimeField()
        started_at = DateTimeField(null=True)
        ended_at = DateTimeField(null=True)
        end_reason = CharField()
        exit_code = IntegerField(null=True)
        peak_memory = BigIntegerField()
        cpu_seconds = FloatField()
        detail = TextField()

        class Meta:
            database = db
            table_name = "attempt"
            indexes = ((("job", "number"), True),)

    class JobOutput(Model):
        job = ForeignKeyField(Job, on_delete="RESTRICT")
        path = TextField()
        level = CharField()
        sha256 = FixedCharField(64)
        size = BigIntegerField()

        class Meta:
            database = db
            table_name = "job_output"
            indexes = ((("job", "path"), True),)

    db.create_tables([ProjectFile, JobRequest, Job, Attempt, JobOutput])
