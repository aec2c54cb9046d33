"""Statements as SQLite understands them, in the words of PostgreSQL. Pure: text in, text out."""

import re
from functools import lru_cache

FUNCTIONS = (
    """
    CREATE OR REPLACE FUNCTION array_as_json(anycompatiblearray) RETURNS json LANGUAGE sql IMMUTABLE
    AS $$ SELECT array_to_json($1) $$
    """,
    """
    CREATE OR REPLACE FUNCTION array_as_words(anycompatiblearray) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT array_to_string($1, ',') $$
    """,
    """
    CREATE OR REPLACE AGGREGATE json_group_array(anycompatible) (
        SFUNC = array_append, STYPE = anycompatiblearray, INITCOND = '{}', FINALFUNC = array_as_json)
    """,
    """
    CREATE OR REPLACE AGGREGATE group_concat(anycompatible) (
        SFUNC = array_append, STYPE = anycompatiblearray, FINALFUNC = array_as_words)
    """,
    """
    CREATE OR REPLACE FUNCTION plus(bigint, boolean) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT CASE WHEN $2 IS NULL THEN $1 ELSE coalesce($1, 0) + $2::int END $$
    """,
    "CREATE OR REPLACE AGGREGATE sum(boolean) (SFUNC = plus, STYPE = bigint)",
    "CREATE OR REPLACE AGGREGATE max(boolean) (SFUNC = boolor_statefunc, STYPE = boolean)",
    "CREATE OR REPLACE AGGREGATE min(boolean) (SFUNC = booland_statefunc, STYPE = boolean)",
    """
    CREATE OR REPLACE FUNCTION julianday(timestamp) RETURNS double precision LANGUAGE sql IMMUTABLE
    AS $$ SELECT extract(epoch FROM $1)::double precision / 86400 + 2440587.5 $$
    """,
    """
    CREATE OR REPLACE FUNCTION as_json(text) RETURNS json LANGUAGE sql IMMUTABLE
    AS $$ SELECT replace($1, '\\u0000', '\\ufffd')::json $$
    """,
    """
    CREATE OR REPLACE FUNCTION json_extract(text, text) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT as_json($1) #>> string_to_array(substr($2, 3), '.') $$
    """,
    """
    CREATE OR REPLACE FUNCTION json_array_length(text) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT json_array_length($1::json) $$
    """,
    """
    CREATE OR REPLACE FUNCTION json_each(document text, OUT key text, OUT value text) RETURNS SETOF record
    LANGUAGE sql IMMUTABLE AS $$
        SELECT (number - 1)::text, one FROM json_array_elements_text(
            CASE WHEN json_typeof(document::json) = 'array' THEN as_json(document) ELSE '[]' END
        ) WITH ORDINALITY AS element (one, number)
        UNION ALL
        SELECT member.key, member.value FROM json_each_text(
            CASE WHEN json_typeof(document::json) = 'object' THEN as_json(document) ELSE '{}' END
        ) AS member
    $$
    """,
)
"""Functions of SQLite that statements use and PostgreSQL does not have, or not for these values. It can hold a NUL that JSON
writes as such, but not look into it: `as_json` is for that."""

NAMES = {
    "ifnull": "coalesce",
    "instr": "strpos",
    "json_array": "json_build_array",
    "json_object": "json_build_object",
}
"""Functions that PostgreSQL calls otherwise."""

TYPES = {
    "DATETIME": "TIMESTAMP",
    "INTEGER": "BIGINT",
    "JSON": 'TEXT COLLATE "C"',
    "REAL": "DOUBLE PRECISION",
    "TEXT": 'TEXT COLLATE "C"',
}
"""Types of columns. Text is compared by its bytes, and as long as it is: nothing is enforced that SQLite does not enforce."""

_PARTS = re.compile(
    r"'(?:[^']|'')*'"  # text
    r'|"(?:[^"]|"")*"'  # a name
    r"|::|%s|%\(\w+\)s|%%|%"
    r"|(?P<named>:[a-z]\w*)|(?P<place>\?)"
    rf"|\b(?P<function>{'|'.join(NAMES)})(?=\()",
    re.IGNORECASE,
)
_FLAG = re.compile(r'("?\b(?:is_\w+|only_cancelled|returned_early)"?) INTEGER( NOT NULL)?(?: DEFAULT (0|1))?')
"""Columns that hold yes or no and were declared as numbers: SQLite has nothing else for it."""
_NUMBER = re.compile(r'("?id"?) (?:INTEGER NOT NULL PRIMARY KEY|INTEGER PRIMARY KEY)\b')
_SIZED = re.compile(r"\b(?:VARCHAR|CHAR)\(\d+\)")
_TYPE = re.compile(rf"\b(?:{'|'.join(TYPES)})\b(?! COLLATE)")
_COUNTED = re.compile(r"\((\w+ IS NOT NULL)\)(?= [+=])")
_INDEX = re.compile(
    r'(CREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?\S+ ON \S+ )\(((?:"?\w+"?(?:, )?)+)\)(.*)', re.DOTALL
)
_TRIGGER = re.compile(
    r"CREATE TRIGGER (?P<name>\w+) (?P<moment>(?:BEFORE|AFTER) (?P<act>\w+).*?) ON (?P<table>\w+)"
    r"(?:\s+WHEN (?P<when>.*?))?\s+BEGIN(?P<body>.*)END\s*",
    re.DOTALL,
)
_ABORT = re.compile(r"SELECT RAISE\(ABORT, ('[^']*')\);")
_ONCE = {
    "MAX(job_id, excluded.job_id)": "GREATEST(workspace_action.job_id, excluded.job_id)",
    'SET "only_cancelled" = 1': 'SET "only_cancelled" = true',
}
"""What a migration says in a way that PostgreSQL does not understand."""


@lru_cache(maxsize=4096)
def in_its_words(sql: str) -> str:
    """A statement with places `?`, `:name` or Peewee's, in the words of PostgreSQL with the places of its driver."""
    words = sql.strip()
    for said, meant in _ONCE.items():
        words = words.replace(said, meant)
    if words.startswith(("CREATE ", "ALTER ")):
        return _PARTS.sub(_escaped, _defined(words))
    return _PARTS.sub(_said, words)


def _said(part: re.Match[str]) -> str:
    if part["named"]:
        return f"%({part['named'][1:]})s"
    if part["place"]:
        return "%s"
    if part["function"]:
        return NAMES[part["function"].lower()]
    return _escaped(part)


def _escaped(part: re.Match[str]) -> str:
    text = part[0]
    if text[0] in "'\"" or text == "%":
        return text.replace("%", "%%")
    return text


def _defined(sql: str) -> str:
    """A statement that makes or changes a table, an index or a trigger."""
    if found := _TRIGGER.fullmatch(sql):
        return _trigger(found)
    if found := _INDEX.fullmatch(sql):
        columns = (one if one.strip('"') == "id" else f"{one} NULLS FIRST" for one in found[2].split(", "))
        return f"{found[1]}({', '.join(columns)}){found[3]}"
    sql = _FLAG.sub(_flag, sql)
    sql = _NUMBER.sub(r"\1 BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", sql)
    sql = _TYPE.sub(lambda kind: TYPES[kind[0]], _SIZED.sub("TEXT", sql))
    return _COUNTED.sub(r"(\1)::int", sql).replace(") WITHOUT ROWID", ")")


def _flag(found: re.Match[str]) -> str:
    default = {None: "", "0": " DEFAULT false", "1": " DEFAULT true"}[found[3]]
    return f"{found[1]} BOOLEAN{found[2] or ''}{default}"


def _trigger(found: re.Match[str]) -> str:
    """A trigger, whose body is a function of its own in PostgreSQL. What it forbids is a violation of integrity."""
    body = _ABORT.sub(
        r"RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = \1;", found["body"]
    )
    end = "RETURN OLD;" if found["act"] == "DELETE" else "RETURN NEW;"
    when = f" WHEN ({found['when']})" if found["when"] else ""
    return (
        f"CREATE OR REPLACE FUNCTION {found['name']}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} {end} END $$; "
        f"CREATE TRIGGER {found['name']} {found['moment']} ON {found['table']} FOR EACH ROW{when} "
        f"EXECUTE FUNCTION {found['name']}()"
    )
