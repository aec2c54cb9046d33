"""What the buttons of the desk do: a value of `do` is one verb of the requests, and a sentence when it is done.

Nothing is judged here: the verbs refuse with their own sentences.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from jobsite.accounts.models import User
from jobsite.core.db import LARGEST_ID
from jobsite.core.errors import Invalid, NotFound
from jobsite.releases.desk.prompts import explained
from jobsite.releases.requests import (
    adding,
    comments,
    editing,
    findings,
    groups,
    releasing,
    steps,
    taking,
    threads,
    voting,
)
from jobsite.releases.requests.repeating import request_again
from jobsite.releases.requests.rules import APPROVE, CHANGES, PRIVATE, PUBLIC
from jobsite.releases.requests.uploading import continue_upload, try_again

Form = MultiDict[str, str]
STATEMENTS = ("population", "threshold", "rounding", "differs")
"""What the author states in a word or a number beside the context, by the names that the checks read."""
NOTHING_ASKED = "This page has no such button. Reload it."


@dataclass(frozen=True)
class At:
    """Who pressed a button where, and what the form held. `group` is a slug; both it and `path` may be ""."""

    by: User
    request_id: str
    form: Form
    group: str = ""
    path: str = ""

    @property
    def request(self) -> dict[str, Any]:
        """The arguments of a verb on the request."""
        return {"by": self.by, "request_id": self.request_id}

    @property
    def file(self) -> dict[str, Any]:
        """The arguments of a verb on the file."""
        return {**self.request, "path": self.path}

    @property
    def finding(self) -> dict[str, Any]:
        """The arguments of a verb on a finding or, when that was ticked, on all of its rule in the file."""
        named = ("rule", "rule") if self.form.get("all") else ("fingerprint", "finding")
        return {**self.file, named[0]: self.form.get(named[1], "")}

    def text(self, name: str) -> str:
        """What was typed in a field, line ends as they are kept."""
        return self.form.get(name, "").replace("\r\n", "\n").strip()

    def number(self, name: str) -> int:
        """A number that the page itself put into the form, 0 when it was tampered with."""
        number = self.form.get(name, type=int) or 0
        return number if 0 < number < LARGEST_ID else 0


@dataclass(frozen=True)
class Act:
    """A button: what it does, what is said then, and the part of the page to look at next."""

    verb: Callable[[At], Any]
    said: str
    anchor: str = ""


def _comment(audience: str) -> Callable[[At], Any]:
    return lambda at: comments.comment(
        **at.request, text=at.text("text"), audience=audience, group=at.group, path=at.path
    )


def _reply(audience: str) -> Callable[[At], Any]:
    return lambda at: threads.reply(
        **at.request, comment_id=at.number("comment"), text=at.text("reply"), audience=audience
    )


def _pin(at: At) -> None:
    row, column = at.form.get("row", type=int), at.form.get("column", type=int)
    place = {"kind": "cell", "row": row, "col": column} if row and column else {"kind": "file"}
    findings.pin(**at.file, place=place, severity=at.form.get("severity", ""), sentence=at.text("sentence"))


def _explain(at: At) -> None:
    findings.explain(**at.finding, text=explained(at.text("text"), at.text("risk")))


def _unwaive(at: At) -> None:
    """Take back what was said to this finding, or else to all findings of its rule in the file."""
    try:
        findings.unwaive(**at.file, fingerprint=at.form.get("finding", ""))
    except NotFound:
        findings.unwaive(**at.file, rule=at.form.get("rule", ""))


COMMENTS: Mapping[str, Act] = {
    "comment": Act(_comment(PRIVATE), "Your comment has been saved.", "comments"),
    "comment-public": Act(_comment(PUBLIC), "Your comment has been saved.", "comments"),
    "reply": Act(_reply(""), "Your answer has been saved.", "comments"),
    "reply-private": Act(_reply(PRIVATE), "Your answer has been saved.", "comments"),
    "edit-comment": Act(
        lambda at: threads.edit(**at.request, comment_id=at.number("comment"), text=at.text("edited")),
        "The comment has been changed.",
        "comments",
    ),
    "solve": Act(
        lambda at: threads.solve(**at.request, comment_id=at.number("comment")),
        "The comment is marked as solved.",
        "comments",
    ),
    "reopen": Act(
        lambda at: threads.reopen_comment(**at.request, comment_id=at.number("comment")),
        "The comment is open again.",
        "comments",
    ),
    "take-back": Act(
        lambda at: comments.take_back(**at.request, comment_id=at.number("comment")),
        "The comment has been taken back.",
        "comments",
    ),
    "make-public": Act(
        lambda at: comments.make_public(**at.request, comment_id=at.number("comment")),
        "The comment is public now.",
        "comments",
    ),
    "repost": Act(
        lambda at: comments.repost(**at.request, comment_id=at.number("comment")),
        "The comment has been posted again.",
        "comments",
    ),
}

ON_REQUEST: Mapping[str, Act] = {
    **COMMENTS,
    "take": Act(lambda at: taking.take(**at.request), "You have taken this request."),
    "let-go": Act(lambda at: taking.let_go(**at.request), "You have let this request go."),
    "declare": Act(
        lambda at: taking.declare(**at.request, text=at.text("declaration")),
        "Your declaration has been saved.",
    ),
    "try-again": Act(lambda at: try_again(**at.request), "The upload is tried again now.", "upload"),
    "continue": Act(lambda at: continue_upload(**at.request), "The upload goes on in your name.", "upload"),
}

ON_GROUP: Mapping[str, Act] = {
    **COMMENTS,
    "save": Act(
        lambda at: groups.save_group(
            **at.request,
            group=at.group,
            name=at.text("name"),
            context=at.text("context"),
            controls=at.text("controls"),
            columns=columns_in(at.text("columns")),
            statements={name: at.text(name) for name in STATEMENTS if at.text(name)},
        ),
        "The group has been saved.",
    ),
    "changes-all": Act(
        lambda at: voting.changes_all(**at.request, group=at.group),
        "Changes are asked for on every file of this group without your vote.",
        "files-of-group",
    ),
    "clear-all": Act(
        lambda at: voting.clear_all(**at.request, group=at.group),
        "Your votes have been cleared.",
        "files-of-group",
    ),
}

ON_FILE: Mapping[str, Act] = {
    **COMMENTS,
    "approve": Act(lambda at: voting.vote(**at.file, value=APPROVE), "Approved."),
    "changes": Act(
        lambda at: voting.vote(**at.file, value=CHANGES),
        "Changes are asked for. Say which in a comment.",
        "text",
    ),
    "clear": Act(lambda at: voting.clear_vote(**at.file), "Your vote has been cleared.", "vote"),
    "waive": Act(
        lambda at: findings.waive(**at.finding, code=at.text("code"), text=at.text("text")),
        "Waived.",
        "findings",
    ),
    "unwaive": Act(_unwaive, "The waiver has been taken back.", "findings"),
    "confirm": Act(lambda at: findings.confirm(**at.finding, text=at.text("text")), "Confirmed.", "findings"),
    "explain": Act(_explain, "Explained.", "findings"),
    "pin": Act(_pin, "Your remark has been pinned.", "findings"),
    "update": Act(lambda at: adding.update_file(**at.file), "The request has the new version now."),
    "move": Act(lambda at: editing.move_file(**at.file, group=at.text("to")), "The file has been moved."),
    "type": Act(
        lambda at: editing.change_type(**at.file, kind=at.text("kind")), "The type has been changed."
    ),
    "withdraw-file": Act(lambda at: editing.withdraw_file(**at.file), "The file is no longer asked for."),
    "overrule": Act(
        lambda at: voting.overrule(**at.file, objector=at.text("objector"), reason=at.text("reason")),
        "The objection has been overruled.",
        "vote",
    ),
    "restore": Act(lambda at: voting.restore(**at.file), "Your objection stands again.", "vote"),
}

STEP_VERBS: Mapping[str, Callable[[At], Any]] = {
    "withdraw": lambda at: steps.withdraw(**at.request, reason=at.text("reason")),
    "return": lambda at: steps.return_request(**at.request, reason=at.text("reason")),
    "return-early": lambda at: steps.return_early(**at.request, reason=at.text("reason")),
    "reject": lambda at: steps.reject(**at.request, category=at.text("category"), reason=at.text("reason")),
    "release": lambda at: releasing.approve(**at.request),
    "again": lambda at: request_again(**at.request),
    "stop-release": lambda at: releasing.stop_release(**at.request, reason=at.text("reason")),
    "recall": lambda at: releasing.recall(
        **at.request,
        public_reason=at.text("public_reason"),
        private_reason=at.text("private_reason"),
        paths=at.form.getlist("path"),
    ),
}


def act_of(acts: Mapping[str, Act], do: str) -> Act:
    """What the button of this value does. Raises `Invalid` for one that the page does not have."""
    act = acts.get(do)
    if act is None:
        raise Invalid({"": NOTHING_ASKED})
    return act


def submit(at: At) -> None:
    """Submit a request with the lines of the checklist that were ticked."""
    steps.submit(**at.request, checklist=at.form.getlist("check", type=int))


def submit_review(at: At) -> None:
    """Submit this checker's review."""
    steps.submit_review(**at.request)


def columns_in(text: str) -> dict[str, str]:
    """Columns and their meanings from lines such as `n: people`. A column that is only named is not described yet."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): meaning.strip() for name, _, meaning in pairs if name.strip() and meaning.strip()}
