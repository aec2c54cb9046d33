"""The three sides of one program, and which tables of the database each of them does not have.

What is not here cannot hold what must not be here: a public side has no table for a log, an output or a review, and a
secure side none for identities elsewhere, mails or publications. Routes, ticks and commands say their side where they are
declared (`SIDES`). `docs/sides.md` says what each side is for.
"""

from collections.abc import Callable

import peewee

SIDES = {
    "any": ("both", "public", "secure"),
    "public": ("both", "public"),
    "secure": ("both", "secure"),
    "public-alone": ("public",),
    "together": ("both",),
}
"""What exists on which side: on each, where the public pages are, where Level 4 is, where one is and the other elsewhere,
where both are."""

NAMES = {
    "both": "both sides in one",
    "public": "the public side",
    "secure": "the secure side",
}

PUBLIC_ONLY = frozenset((
    "identity", "api_token", "org_membership", "project_data_permission", "redirect",
    "codelists_check", "delivery", "mail_choice", "release", "release_file", "release_file_review",
    "snapshot", "snapshot_file", "publish_request", "told_review", "review_issue", "checkpoint",
    "sent_request", "controller_contact",
))  # fmt: skip
"""Tables that a secure side does not have."""

SECURE_ONLY = frozenset((
    "attempt", "backend_alert", "job_output", "project_policy", "checked", "checked_together",
    "look", "release_request", "request_group", "request_file", "file_version", "vote", "review",
    "overrule", "comment", "explanation", "waiver", "pin", "opened", "declaration", "sealed_record",
    "upload_step", "fetched_request", "public_contact", "confirmation", "release_there", "release_message",
    "message_reading", "ticket", "comment_change", "controller_token", "agent_token", "agent_task",
))  # fmt: skip
"""Tables that a public side does not have."""

_ABSENT = {"both": frozenset[str](), "public": SECURE_ONLY, "secure": PUBLIC_ONLY}


class WrongSide(Exception):
    """The database holds what the side that it is opened as may not have; the text is a sentence."""


def exists_on(kind: str, side: str) -> bool:
    """Whether what was declared as one of the kinds of `SIDES` exists on this side."""
    return side in SIDES[kind]


def why_not_here(kind: str, side: str) -> str | None:
    """Why what exists on sides of this kind does not on this one, as a sentence, or None."""
    if exists_on(kind, side):
        return None
    where = "a site of both sides" if kind == "together" else f"{NAMES[SIDES[kind][-1]]}"
    return f"This is done on {where}; this instance is {NAMES[side]} (setting SIDE)."


def absent_tables(side: str) -> frozenset[str]:
    """The tables that the database of a side does not have."""
    return _ABSENT[side]


def settle_tables(
    opened: peewee.SqliteDatabase, side: str, whole: Callable[[], list[tuple[str, str]]]
) -> None:
    """Give a database, to which every migration has been applied, the tables of its side and no others.

    Tables of another side go when they are empty; raises `WrongSide` when one is not. Those that this side has and the
    database has not, since it was made for another side, are made by the statements of `whole()`: those that make a
    database of both sides, each with its table.
    """
    there = set(opened.get_tables())
    surplus, missing = there & absent_tables(side), (PUBLIC_ONLY | SECURE_ONLY) - absent_tables(side) - there
    if not surplus | missing:
        return
    with opened.atomic():
        held = [name for name in sorted(surplus) if _has_rows(opened, name)]
        if held:
            raise WrongSide(_refusal(_made_for(there), side, held))
        opened.remove_tables(sorted(surplus))
        for table, statement in whole() if missing else ():
            if table in missing:
                opened.execute_sql(statement)


def _has_rows(opened: peewee.SqliteDatabase, table: str) -> bool:
    found = opened.execute_sql(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone()  # noqa: S608 - names of our own tables
    return found is not None


def _made_for(tables: set[str]) -> str:
    if not tables & SECURE_ONLY:
        return "public"
    return "both" if tables & PUBLIC_ONLY else "secure"


def _refusal(made_for: str, side: str, held: list[str]) -> str:
    return (
        f"This instance was made with SIDE={made_for} and holds what {NAMES[side]} does not keep: "
        f"{', '.join(name.replace('_', ' ') for name in held)}. Set SIDE={made_for} again, or take another folder."
    )
