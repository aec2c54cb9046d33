"""Release requests: groups, files, votes, reviews, comments, explanations, waivers. None of their rows can be deleted."""

TABLES = (
    """
    CREATE TABLE release_request (
        id CHAR(26) NOT NULL PRIMARY KEY,
        workspace_id INTEGER NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
        backend_id INTEGER NOT NULL REFERENCES backend (id) ON DELETE RESTRICT,
        project_id INTEGER NOT NULL REFERENCES project (id) ON DELETE RESTRICT,
        author_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE RESTRICT,
        orgs TEXT NOT NULL,
        status TEXT NOT NULL,
        turn INTEGER NOT NULL,
        version INTEGER NOT NULL,
        created_at DATETIME NOT NULL,
        submitted_at DATETIME,
        moved_at DATETIME NOT NULL,
        moved_by TEXT NOT NULL,
        approved_at DATETIME,
        approved_by TEXT NOT NULL,
        undo_until DATETIME,
        released_at DATETIME,
        policy TEXT NOT NULL,
        policy_version INTEGER NOT NULL,
        needed INTEGER NOT NULL,
        returned_early INTEGER NOT NULL,
        stale_turns TEXT NOT NULL,
        is_forced INTEGER NOT NULL,
        category TEXT NOT NULL,
        upload_state TEXT NOT NULL,
        taken_by TEXT NOT NULL,
        taken_until DATETIME,
        record TEXT NOT NULL,
        repeats CHAR(26) NOT NULL
    )
    """,
    """
    CREATE TABLE request_group (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        slug TEXT NOT NULL,
        name TEXT NOT NULL,
        context TEXT NOT NULL,
        controls TEXT NOT NULL,
        columns TEXT NOT NULL,
        statements TEXT NOT NULL,
        findings TEXT NOT NULL,
        changes_turn INTEGER NOT NULL,
        position INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE request_file (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        group_id INTEGER NOT NULL REFERENCES request_group (id) ON DELETE RESTRICT,
        path TEXT NOT NULL,
        kind TEXT NOT NULL,
        sha256 CHAR(64) NOT NULL,
        size INTEGER NOT NULL,
        mtime REAL NOT NULL,
        rows INTEGER,
        cols INTEGER,
        job TEXT NOT NULL,
        action TEXT NOT NULL,
        commit_id TEXT NOT NULL,
        repo TEXT NOT NULL,
        "user" TEXT NOT NULL,
        findings TEXT NOT NULL,
        worst TEXT NOT NULL,
        added_at DATETIME NOT NULL,
        added_turn INTEGER NOT NULL,
        released_at DATETIME,
        released_by TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE file_version (
        id INTEGER NOT NULL PRIMARY KEY,
        file_id INTEGER NOT NULL REFERENCES request_file (id) ON DELETE RESTRICT,
        sha256 CHAR(64) NOT NULL,
        size INTEGER NOT NULL,
        rows INTEGER,
        cols INTEGER,
        job TEXT NOT NULL,
        commit_id TEXT NOT NULL,
        turn INTEGER NOT NULL,
        replaced_at DATETIME NOT NULL,
        replaced_by TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE vote (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        file_id INTEGER NOT NULL REFERENCES request_file (id) ON DELETE RESTRICT,
        checker TEXT NOT NULL,
        value TEXT NOT NULL,
        sha256 CHAR(64) NOT NULL,
        turn INTEGER NOT NULL,
        at DATETIME NOT NULL,
        reopened_for TEXT NOT NULL,
        before TEXT NOT NULL,
        superseded_at DATETIME
    )
    """,
    """
    CREATE TABLE review (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        checker TEXT NOT NULL,
        turn INTEGER NOT NULL,
        at DATETIME NOT NULL,
        superseded_at DATETIME
    )
    """,
    """
    CREATE TABLE overrule (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        file_id INTEGER NOT NULL REFERENCES request_file (id) ON DELETE RESTRICT,
        vote_id INTEGER NOT NULL REFERENCES vote (id) ON DELETE RESTRICT,
        objector TEXT NOT NULL,
        checker TEXT NOT NULL,
        reason TEXT NOT NULL,
        turn INTEGER NOT NULL,
        at DATETIME NOT NULL,
        superseded_at DATETIME
    )
    """,
    """
    CREATE TABLE comment (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        group_id INTEGER REFERENCES request_group (id) ON DELETE RESTRICT,
        file_id INTEGER REFERENCES request_file (id) ON DELETE RESTRICT,
        place TEXT,
        writer TEXT NOT NULL,
        side TEXT NOT NULL,
        audience TEXT NOT NULL,
        turn INTEGER NOT NULL,
        at DATETIME NOT NULL,
        text TEXT NOT NULL,
        reason_for TEXT NOT NULL,
        answers_id INTEGER REFERENCES comment (id) ON DELETE RESTRICT,
        sealed_at DATETIME,
        taken_back_at DATETIME
    )
    """,
    """
    CREATE TABLE explanation (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        file_id INTEGER NOT NULL REFERENCES request_file (id) ON DELETE RESTRICT,
        sha256 CHAR(64) NOT NULL,
        rule TEXT NOT NULL,
        rule_version INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        writer TEXT NOT NULL,
        text TEXT NOT NULL,
        turn INTEGER NOT NULL,
        at DATETIME NOT NULL,
        superseded_at DATETIME
    )
    """,
    """
    CREATE TABLE waiver (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        file_id INTEGER NOT NULL REFERENCES request_file (id) ON DELETE RESTRICT,
        sha256 CHAR(64) NOT NULL,
        rule TEXT NOT NULL,
        rule_version INTEGER NOT NULL,
        policy_version INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        verdict TEXT NOT NULL,
        code TEXT NOT NULL,
        checker TEXT NOT NULL,
        text TEXT NOT NULL,
        turn INTEGER NOT NULL,
        at DATETIME NOT NULL,
        sealed_at DATETIME,
        superseded_at DATETIME
    )
    """,
    """
    CREATE TABLE pin (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        file_id INTEGER NOT NULL REFERENCES request_file (id) ON DELETE RESTRICT,
        sha256 CHAR(64) NOT NULL,
        place TEXT NOT NULL,
        severity TEXT NOT NULL,
        sentence TEXT NOT NULL,
        fingerprint CHAR(64) NOT NULL,
        checker TEXT NOT NULL,
        turn INTEGER NOT NULL,
        at DATETIME NOT NULL,
        sealed_at DATETIME
    )
    """,
    """
    CREATE TABLE opened (
        id INTEGER NOT NULL PRIMARY KEY,
        file_id INTEGER NOT NULL REFERENCES request_file (id) ON DELETE RESTRICT,
        sha256 CHAR(64) NOT NULL,
        person TEXT NOT NULL,
        turn INTEGER NOT NULL,
        at DATETIME NOT NULL
    )
    """,
    """
    CREATE TABLE declaration (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        checker TEXT NOT NULL,
        text TEXT NOT NULL,
        at DATETIME NOT NULL
    )
    """,
)

INDEXES = (
    "CREATE INDEX release_request_workspace_id ON release_request (workspace_id)",
    "CREATE INDEX release_request_backend_id ON release_request (backend_id)",
    "CREATE INDEX release_request_project_id ON release_request (project_id)",
    "CREATE INDEX release_request_author_id ON release_request (author_id)",
    "CREATE INDEX release_request_workspace_id_status ON release_request (workspace_id, status)",
    "CREATE INDEX release_request_status_moved_at ON release_request (status, moved_at)",
    (
        "CREATE UNIQUE INDEX release_request_one_active ON release_request (author_id, workspace_id) "
        "WHERE status IN ('PENDING', 'SUBMITTED', 'PARTIALLY_REVIEWED', 'REVIEWED', 'RETURNED')"
    ),
    "CREATE INDEX request_group_request_id ON request_group (request_id)",
    "CREATE UNIQUE INDEX request_group_request_id_slug ON request_group (request_id, slug)",
    "CREATE INDEX request_file_request_id ON request_file (request_id)",
    "CREATE INDEX request_file_group_id ON request_file (group_id)",
    "CREATE INDEX request_file_sha256 ON request_file (sha256)",
    "CREATE UNIQUE INDEX request_file_request_id_path ON request_file (request_id, path)",
    "CREATE INDEX request_file_path ON request_file (path)",
    "CREATE INDEX file_version_file_id ON file_version (file_id)",
    "CREATE INDEX file_version_sha256 ON file_version (sha256)",
    "CREATE INDEX vote_request_id ON vote (request_id)",
    "CREATE INDEX vote_file_id ON vote (file_id)",
    "CREATE UNIQUE INDEX vote_current ON vote (file_id, checker) WHERE superseded_at IS NULL",
    "CREATE INDEX review_request_id ON review (request_id)",
    "CREATE UNIQUE INDEX review_request_id_turn_checker ON review (request_id, turn, checker)",
    "CREATE INDEX overrule_request_id ON overrule (request_id)",
    "CREATE INDEX overrule_file_id ON overrule (file_id)",
    "CREATE INDEX overrule_vote_id ON overrule (vote_id)",
    "CREATE UNIQUE INDEX overrule_current ON overrule (vote_id) WHERE superseded_at IS NULL",
    "CREATE INDEX comment_request_id ON comment (request_id)",
    "CREATE INDEX comment_group_id ON comment (group_id)",
    "CREATE INDEX comment_file_id ON comment (file_id)",
    "CREATE INDEX comment_answers_id ON comment (answers_id)",
    "CREATE INDEX explanation_request_id ON explanation (request_id)",
    "CREATE INDEX explanation_file_id ON explanation (file_id)",
    "CREATE INDEX explanation_file_id_sha256 ON explanation (file_id, sha256)",
    "CREATE INDEX waiver_request_id ON waiver (request_id)",
    "CREATE INDEX waiver_file_id ON waiver (file_id)",
    "CREATE INDEX waiver_file_id_sha256 ON waiver (file_id, sha256)",
    "CREATE INDEX pin_request_id ON pin (request_id)",
    "CREATE INDEX pin_file_id ON pin (file_id)",
    "CREATE INDEX opened_file_id ON opened (file_id)",
    "CREATE UNIQUE INDEX opened_file_id_person_turn_sha256 ON opened (file_id, person, turn, sha256)",
    "CREATE INDEX declaration_request_id ON declaration (request_id)",
    "CREATE UNIQUE INDEX declaration_request_id_checker ON declaration (request_id, checker)",
)

KEPT = (
    "release_request", "request_group", "request_file", "file_version", "vote", "review", "overrule",
    "comment", "explanation", "waiver", "pin", "opened", "declaration",
)  # fmt: skip

WRITTEN = {"vote": ("file_id", "checker", "value", "sha256", "turn"), "review": ("checker", "turn"), "comment": ("writer", "text", "turn"),
           "waiver": ("file_id", "checker", "sha256", "fingerprint", "verdict", "text"), "overrule": ("vote_id", "checker", "reason"),
           "explanation": ("file_id", "writer", "sha256", "text"), "pin": ("file_id", "checker", "sentence")}  # fmt: skip
"""What somebody wrote stays as they wrote it; only marks beside it (sealed, superseded) are added."""


def up(migrator, db):
    """Make the tables, and the triggers that keep their rows."""
    for statement in (*TABLES, *INDEXES):
        db.execute_sql(statement)
    for table in KEPT:
        db.execute_sql(
            f"CREATE TRIGGER {table}_is_kept BEFORE DELETE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are kept for ever'); END"
        )
    for table, columns in WRITTEN.items():
        db.execute_sql(
            f"CREATE TRIGGER {table}_is_as_written BEFORE UPDATE OF {', '.join(columns)} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'what is written in {table} stays'); END"
        )
