"""The tables of release requests. Nothing in them is ever deleted: what no longer counts is superseded or sealed.

`turn` is the turn of the request in which a row was written; odd turns belong to the checkers. `audience` is PUBLIC (the
author side reads it, when its time has come) or PRIVATE (checkers only). A row with `superseded_at` was replaced, one with
`sealed_at` is readable by its writer and by auditors only (specification 2.4, 2.6 and 2.9).
"""

from peewee import (
    SQL,
    BigIntegerField,
    BooleanField,
    CharField,
    DateTimeField,
    FixedCharField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from jobsite.accounts.models import Backend, User
from jobsite.core.db import Model
from jobsite.projects.models import Project, Workspace
from jobsite.releases.requests.rules import LABELS, PHASES


class ReleaseRequest(Model):
    """One author asks for files of one workspace on one backend to be released. `id` is a ULID.

    `version` grows with every change: who changes it says which one they saw. `project` and `orgs` are those of the time
    it was made. `policy` and `policy_version` are what its files were last checked under, `needed` the reviews it asks for. `moved_by` and `moved_at` tell
    of the last change of status; `stale_turns` are turns that an early return closed. `upload_state` is "" or one of
    `rules.UPLOAD_STATES`. `taken_by` is a username until `taken_until`. `record` is the SHA-256 of the sealed record.
    At `copies_removed_at` the copies of its files went that no other request needs.
    """

    id = FixedCharField(26, primary_key=True)
    workspace = ForeignKeyField(Workspace, backref="release_requests", on_delete="RESTRICT")
    backend = ForeignKeyField(Backend, backref="release_requests", on_delete="RESTRICT")
    project = ForeignKeyField(Project, backref="release_requests", on_delete="RESTRICT")
    author = ForeignKeyField(User, backref="release_requests", on_delete="RESTRICT")
    orgs = JSONField(default=list)
    status = CharField(default="PENDING")
    turn = IntegerField(default=0)
    version = IntegerField(default=0)
    created_at = DateTimeField()
    submitted_at = DateTimeField(null=True)
    moved_at = DateTimeField()
    moved_by = CharField()
    approved_at = DateTimeField(null=True)
    approved_by = CharField(default="")
    undo_until = DateTimeField(null=True)
    released_at = DateTimeField(null=True)
    policy = CharField()
    policy_version = IntegerField()
    needed = IntegerField(default=2)
    returned_early = BooleanField(default=False)
    stale_turns = JSONField(default=list)
    is_forced = BooleanField(default=False)
    category = CharField(default="")
    upload_state = CharField(default="")
    taken_by = CharField(default="")
    taken_until = DateTimeField(null=True)
    record = CharField(default="")
    repeats = FixedCharField(26, default="")
    copies_removed_at = DateTimeField(null=True)

    class Meta:
        indexes = ((("workspace", "status"), False), (("status", "moved_at"), False))

    @property
    def phase(self) -> str:
        """AUTHOR, INDEPENDENT, CONSOLIDATING or COMPLETE."""
        return PHASES[self.status]

    @property
    def label(self) -> str:
        """The status as pages call it, without the number of reviews."""
        return LABELS[self.status]


ReleaseRequest.add_index(
    ReleaseRequest.index(
        ReleaseRequest.author,
        ReleaseRequest.workspace,
        unique=True,
        where=SQL("status IN ('PENDING', 'SUBMITTED', 'PARTIALLY_REVIEWED', 'REVIEWED', 'RETURNED')"),
        name="release_request_one_active",
    )
)


class RequestGroup(Model):
    """Files that belong together, with the author's account of them. `columns` maps a column's name to what it means.

    `slug` is the group's part of addresses; it stays when the name changes. `statements` are the author's coded answers
    (population, threshold, rounding, relation to earlier releases), by name. `findings` are those on the group itself.
    `changes_turn` is the last turn that ended with changes asked for in it.
    """

    request = ForeignKeyField(ReleaseRequest, backref="groups", on_delete="RESTRICT")
    slug = CharField()
    name = CharField()
    context = TextField(default="")
    controls = TextField(default="")
    columns = JSONField(default=dict)
    statements = JSONField(default=dict)
    findings = JSONField(default=list)
    changes_turn = IntegerField(default=0)
    position = IntegerField()

    class Meta:
        indexes = ((("request", "slug"), True),)


class RequestFile(Model):
    """A file of a request: a copy, stored once under its SHA-256, with what the manifest said of it.

    `kind` is OUTPUT, SUPPORTING or WITHDRAWN. `mtime` is in seconds since 1970. `job` and `action` made it, `user` ran
    them, at `commit` of `repo`. `findings` are what the checks found when they ran last for this request, in the form of
    the specification 5.6, and `worst` is their gravest severity, "" without any.
    """

    request = ForeignKeyField(ReleaseRequest, backref="files", on_delete="RESTRICT")
    group = ForeignKeyField(RequestGroup, backref="files", on_delete="RESTRICT")
    path = TextField()
    kind = CharField()
    sha256 = FixedCharField(64, index=True)
    size = BigIntegerField()
    mtime = FloatField()
    rows = IntegerField(null=True)
    cols = IntegerField(null=True)
    job = CharField(default="")
    action = CharField(default="")
    commit = CharField(default="", column_name="commit_id")
    repo = TextField(default="")
    user = CharField(default="")
    findings = JSONField(default=list)
    worst = CharField(default="")
    added_at = DateTimeField()
    added_turn = IntegerField()
    released_at = DateTimeField(null=True)
    released_by = CharField(default="")

    class Meta:
        indexes = ((("request", "path"), True), (("path",), False))


class FileVersion(Model):
    """The bytes a file of a request had before it was updated; the copy stays."""

    file = ForeignKeyField(RequestFile, backref="versions", on_delete="RESTRICT")
    sha256 = FixedCharField(64, index=True)
    size = BigIntegerField()
    rows = IntegerField(null=True)
    cols = IntegerField(null=True)
    job = CharField(default="")
    commit = CharField(default="", column_name="commit_id")
    turn = IntegerField()
    replaced_at = DateTimeField()
    replaced_by = CharField()


class Vote(Model):
    """One checker's opinion on one file with one content. The row without `superseded_at` is the current one.

    `value` is APPROVED, CHANGES_REQUESTED or UNDECIDED; the last is set by the system when a vote is re-opened, and
    `reopened_for` says why, `before` what it was.
    """

    request = ForeignKeyField(ReleaseRequest, backref="votes", on_delete="RESTRICT")
    file = ForeignKeyField(RequestFile, backref="votes", on_delete="RESTRICT")
    checker = CharField()
    value = CharField()
    sha256 = FixedCharField(64)
    turn = IntegerField()
    at = DateTimeField()
    reopened_for = CharField(default="")
    before = CharField(default="")
    superseded_at = DateTimeField(null=True)


Vote.add_index(
    Vote.index(Vote.file, Vote.checker, unique=True, where=SQL("superseded_at IS NULL"), name="vote_current")
)


class Review(Model):
    """A checker declared the whole request reviewed in this turn."""

    request = ForeignKeyField(ReleaseRequest, backref="reviews", on_delete="RESTRICT")
    checker = CharField()
    turn = IntegerField()
    at = DateTimeField()
    superseded_at = DateTimeField(null=True)

    class Meta:
        indexes = ((("request", "turn", "checker"), True),)


class Overrule(Model):
    """A checker set another's objection (a vote CHANGES_REQUESTED) aside, with a reason."""

    request = ForeignKeyField(ReleaseRequest, backref="overrules", on_delete="RESTRICT")
    file = ForeignKeyField(RequestFile, backref="overrules", on_delete="RESTRICT")
    vote = ForeignKeyField(Vote, backref="overrules", on_delete="RESTRICT")
    objector = CharField()
    checker = CharField()
    reason = TextField()
    turn = IntegerField()
    at = DateTimeField()
    superseded_at = DateTimeField(null=True)


Overrule.add_index(
    Overrule.index(Overrule.vote, unique=True, where=SQL("superseded_at IS NULL"), name="overrule_current")
)


class Comment(Model):
    """What somebody wrote on a request, a group or a file of it; `place` is a place in the file, as of a finding.

    `side` is AUTHOR or CHECKER, as the writer was then. `reason_for` names the step whose reason it is. A comment taken
    back has `taken_back_at` and is sealed; a reply has the comment it answers.
    """

    request = ForeignKeyField(ReleaseRequest, backref="comments", on_delete="RESTRICT")
    group = ForeignKeyField(RequestGroup, null=True, backref="comments", on_delete="RESTRICT")
    file = ForeignKeyField(RequestFile, null=True, backref="comments", on_delete="RESTRICT")
    place = JSONField(null=True)
    writer = CharField()
    side = CharField()
    audience = CharField()
    turn = IntegerField()
    at = DateTimeField()
    text = TextField()
    reason_for = CharField(default="")
    answers = ForeignKeyField("self", null=True, backref="replies", on_delete="RESTRICT")
    sealed_at = DateTimeField(null=True)
    taken_back_at = DateTimeField(null=True)


class CommentChange(Model):
    """What became of a comment after it was written: `what` is EDITED, with the new `text`, SOLVED or REOPENED.

    `side` is that of who did it. An early return seals it with its turn.
    """

    request = ForeignKeyField(ReleaseRequest, backref="comment_changes", on_delete="RESTRICT")
    comment = ForeignKeyField(Comment, backref="changes", on_delete="RESTRICT")
    what = CharField()
    text = TextField(default="")
    writer = CharField()
    side = CharField()
    turn = IntegerField()
    at = DateTimeField()
    sealed_at = DateTimeField(null=True)


class Explanation(Model):
    """The author's case for leaving a finding, or all findings of `rule` in a file (then `fingerprint` is "")."""

    request = ForeignKeyField(ReleaseRequest, backref="explanations", on_delete="RESTRICT")
    file = ForeignKeyField(RequestFile, backref="explanations", on_delete="RESTRICT")
    sha256 = FixedCharField(64)
    rule = CharField()
    rule_version = IntegerField()
    fingerprint = CharField()
    writer = CharField()
    text = TextField()
    turn = IntegerField()
    at = DateTimeField()
    superseded_at = DateTimeField(null=True)

    class Meta:
        indexes = ((("file", "sha256"), False),)


class Waiver(Model):
    """A checker's word on a finding, or on all findings of `rule` in a file (then `fingerprint` is "").

    `verdict` is WAIVED (accepted, with a code of `rules.WAIVER_CODES`) or CONFIRMED (it has to be mended).
    """

    request = ForeignKeyField(ReleaseRequest, backref="waivers", on_delete="RESTRICT")
    file = ForeignKeyField(RequestFile, backref="waivers", on_delete="RESTRICT")
    sha256 = FixedCharField(64)
    rule = CharField()
    rule_version = IntegerField()
    policy_version = IntegerField()
    fingerprint = CharField()
    verdict = CharField()
    code = CharField(default="")
    checker = CharField()
    text = TextField(default="")
    turn = IntegerField()
    at = DateTimeField()
    sealed_at = DateTimeField(null=True)
    superseded_at = DateTimeField(null=True)

    class Meta:
        indexes = ((("file", "sha256"), False),)


class Pin(Model):
    """A remark that a checker pinned to a place of a file: a finding of the rule M1, in their own words."""

    request = ForeignKeyField(ReleaseRequest, backref="pins", on_delete="RESTRICT")
    file = ForeignKeyField(RequestFile, backref="pins", on_delete="RESTRICT")
    sha256 = FixedCharField(64)
    place = JSONField()
    severity = CharField()
    sentence = TextField()
    fingerprint = FixedCharField(64)
    checker = CharField()
    turn = IntegerField()
    at = DateTimeField()
    sealed_at = DateTimeField(null=True)


class Opened(Model):
    """A checker opened this content of a file in this turn: what they have not opened they cannot approve."""

    file = ForeignKeyField(RequestFile, backref="openings", on_delete="RESTRICT")
    sha256 = FixedCharField(64)
    person = CharField()
    turn = IntegerField()
    at = DateTimeField()

    class Meta:
        indexes = ((("file", "person", "turn", "sha256"), True),)


class Ticket(Model):
    """The one-time number of a form that was sent: what it did to `request` is not done again."""

    number = FixedCharField(22, unique=True)
    person = ForeignKeyField(User, backref="tickets", on_delete="RESTRICT")
    request = ForeignKeyField(ReleaseRequest, backref="tickets", on_delete="RESTRICT")
    at = DateTimeField(index=True)


class Declaration(Model):
    """A checker who works on the workspace declared it in writing; needed where the policy says "declare"."""

    request = ForeignKeyField(ReleaseRequest, backref="declarations", on_delete="RESTRICT")
    checker = CharField()
    text = TextField()
    at = DateTimeField()

    class Meta:
        indexes = ((("request", "checker"), True),)
