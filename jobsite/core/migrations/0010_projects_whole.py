"""Facts of organisations, projects, repositories and workspaces that staff keep; redirects; what people have seen.

`workspace_action` holds each action name of a workspace once, with its newest job: the search looks there instead
of through all jobs. Triggers keep it, so that no writer of jobs can forget it.
"""

from peewee import (
    CharField,
    Check,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

COLUMNS = (
    ("organisation", "github_orgs", "JSON NOT NULL DEFAULT '[]'"),
    ("organisation", "is_internal", "BOOLEAN NOT NULL DEFAULT false"),
    ("project", "category", "VARCHAR(255) NOT NULL DEFAULT 'unknown'"),
    ("project", "copilot_id", 'INTEGER REFERENCES "user" ("id") ON DELETE SET NULL'),
    ("project", "copilot_support_ends_at", "DATETIME"),
    ("project", "copilot_notes", "TEXT NOT NULL DEFAULT ''"),
    ("repo", "is_private", "BOOLEAN"),
    ("repo", "topics", "JSON NOT NULL DEFAULT '[]'"),
    ("repo", "has_github_outputs", "BOOLEAN NOT NULL DEFAULT false"),
    ("repo", "visibility_checked_at", "DATETIME"),
    ("repo", "visibility_problem", "TEXT NOT NULL DEFAULT ''"),
    ("repo", "researcher_signed_off_at", "DATETIME"),
    ("repo", "researcher_signed_off_by", "TEXT"),
    ("repo", "internal_signed_off_at", "DATETIME"),
    ("repo", "internal_signed_off_by", "TEXT"),
    ("workspace", "signed_off_at", "DATETIME"),
    ("workspace", "signed_off_by", "TEXT"),
)

TRIGGERS = (
    """
    CREATE TABLE workspace_action (
        workspace_id INTEGER NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
        action TEXT NOT NULL,
        job_id INTEGER NOT NULL,
        PRIMARY KEY (workspace_id, action)
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO workspace_action (workspace_id, action, job_id)
    SELECT workspace_id, action, MAX(id) FROM job GROUP BY workspace_id, action
    """,
    """
    CREATE TRIGGER workspace_action_added AFTER INSERT ON job BEGIN
        INSERT INTO workspace_action (workspace_id, action, job_id)
        VALUES (NEW.workspace_id, NEW.action, NEW.id)
        ON CONFLICT (workspace_id, action) DO UPDATE SET job_id = MAX(job_id, excluded.job_id);
    END
    """,
    """
    CREATE TRIGGER workspace_action_gone AFTER DELETE ON job BEGIN
        DELETE FROM workspace_action WHERE workspace_id = OLD.workspace_id AND action = OLD.action;
        INSERT INTO workspace_action (workspace_id, action, job_id)
        SELECT workspace_id, action, MAX(id) FROM job
        WHERE workspace_id = OLD.workspace_id AND action = OLD.action GROUP BY workspace_id, action;
    END
    """,
)


def up(migrator, db):
    """Add the columns with defaults, make the tables, and fill what is kept of actions."""
    for table, column, kind in COLUMNS:
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {kind}')
    db.create_tables(_tables(db))
    for statement in TRIGGERS:
        db.execute_sql(statement)


def _tables(db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class User(Base):
        pass

    class Organisation(Base):
        pass

    class Project(Base):
        pass

    class Workspace(Base):
        pass

    class ProjectDataPermission(Base):
        project = ForeignKeyField(Project, on_delete="CASCADE")
        kind = CharField()
        value = CharField()
        reason = TextField()
        created_at = DateTimeField()
        created_by = TextField()

        class Meta:
            indexes = ((("project", "kind", "value"), True),)

    class Redirect(Base):
        old_url = CharField(unique=True)
        organisation = ForeignKeyField(Organisation, null=True, on_delete="CASCADE")
        project = ForeignKeyField(Project, null=True, on_delete="CASCADE")
        workspace = ForeignKeyField(Workspace, null=True, on_delete="CASCADE")
        created_at = DateTimeField()
        created_by = TextField()
        expires_at = DateTimeField()

        class Meta:
            constraints = (
                Check(
                    "(organisation_id IS NOT NULL) + (project_id IS NOT NULL) + (workspace_id IS NOT NULL) = 1"
                ),
            )

    class SeenMark(Base):
        user = ForeignKeyField(User, unique=True, on_delete="CASCADE")
        cursor = IntegerField()
        at = DateTimeField()

    return [ProjectDataPermission, Redirect, SeenMark]
