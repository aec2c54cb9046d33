"""The review desk: tickets of forms, what became of comments, copies that were removed, denials that were counted."""

TABLES = (
    """
    CREATE TABLE ticket (
        id INTEGER NOT NULL PRIMARY KEY,
        number CHAR(22) NOT NULL,
        person_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE RESTRICT,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        at DATETIME NOT NULL
    )
    """,
    """
    CREATE TABLE comment_change (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id CHAR(26) NOT NULL REFERENCES release_request (id) ON DELETE RESTRICT,
        comment_id INTEGER NOT NULL REFERENCES comment (id) ON DELETE RESTRICT,
        what TEXT NOT NULL,
        text TEXT NOT NULL,
        writer TEXT NOT NULL,
        side TEXT NOT NULL,
        turn INTEGER NOT NULL,
        at DATETIME NOT NULL,
        sealed_at DATETIME
    )
    """,
)

INDEXES = (
    "CREATE UNIQUE INDEX ticket_number ON ticket (number)",
    "CREATE INDEX ticket_person_id ON ticket (person_id)",
    "CREATE INDEX ticket_request_id ON ticket (request_id)",
    "CREATE INDEX ticket_at ON ticket (at)",
    "CREATE INDEX comment_change_request_id ON comment_change (request_id)",
    "CREATE INDEX comment_change_comment_id ON comment_change (comment_id)",
)

COLUMNS = (
    "ALTER TABLE release_request ADD COLUMN copies_removed_at DATETIME",
    "ALTER TABLE look ADD COLUMN times INTEGER NOT NULL DEFAULT 1",
)

TRIGGERS = (
    (
        "CREATE TRIGGER comment_change_is_kept BEFORE DELETE ON comment_change "
        "BEGIN SELECT RAISE(ABORT, 'rows of comment_change are kept for ever'); END"
    ),
    (
        "CREATE TRIGGER comment_change_is_as_written BEFORE UPDATE OF comment_id, what, text, writer, turn ON comment_change "
        "BEGIN SELECT RAISE(ABORT, 'what is written in comment_change stays'); END"
    ),
)


def up(migrator, db):
    """Make the tables and columns, and the triggers that keep what was written."""
    for statement in (*TABLES, *INDEXES, *COLUMNS, *TRIGGERS):
        db.execute_sql(statement)
