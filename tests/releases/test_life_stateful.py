"""Any course a request may take, with four people at it: nobody sees anything too early, nothing is released without two
approvals of that very content, no record is lost."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from jobsite.core.db import close_database
from jobsite.core.errors import Refused
from jobsite.core.events import Event, verify
from jobsite.instance import close_instance, open_instance
from jobsite.releases.requests import adding, comments, editing, releasing, steps, threads, voting
from jobsite.releases.requests.groups import save_group
from jobsite.releases.requests.models import (
    Comment,
    CommentChange,
    FileVersion,
    Opened,
    Overrule,
    ReleaseRequest,
    RequestFile,
    Review,
    Vote,
)
from jobsite.releases.requests.queries import file_page, group_page, overview
from jobsite.releases.requests.rules import OUTPUT, PRIVATE, PUBLIC, SUPPORTING
from jobsite.settings import Settings

from ..databases import put
from .world import CONTEXT, CONTROLS, EVERYTHING, REASON, World, make_world

PATHS = ("output/a.csv", "output/b.csv", "output/plot.csv")
CHECKERS = ("cat", "cyd", "eve")
EVERYBODY = ("ada", *CHECKERS)
APPROVED, CHANGES = "APPROVED", "CHANGES_REQUESTED"
AUTHORS_TURN, APART, TOGETHER = ("PENDING", "RETURNED"), ("SUBMITTED", "PARTIALLY_REVIEWED"), ("REVIEWED",)
KEPT = (Vote, Comment, CommentChange, Review, Opened, Overrule, FileVersion, RequestFile, Event)

checkers = strategies.sampled_from(CHECKERS)
paths = strategies.sampled_from(PATHS)


@dataclass
class Said:
    """A comment as the model remembers it."""

    text: str
    writer: str
    audience: str
    turn: int
    hidden: bool = False
    id: int = 0


@dataclass
class Memory:
    """What the machine knows of one request from its own acts alone."""

    said: list[Said] = field(default_factory=list)
    marks: list[tuple[int, bool, Said]] = field(
        default_factory=list
    )  # (comment, whether it is solved, who marked it)
    acts: dict[tuple[str, str], tuple[str, str]] = field(
        default_factory=dict
    )  # (checker, path): (value, content)
    voted_in: dict[tuple[str, str], int] = field(default_factory=dict)
    opened: set[tuple[str, str, int]] = field(default_factory=set)
    reviewed: dict[int, set[str]] = field(default_factory=dict)
    overruled: set[tuple[str, str]] = field(default_factory=set)  # (objector, path)


class Life(RuleBasedStateMachine):
    """Acts in any order; what is refused changes nothing, what is done is remembered and compared."""

    empty: Path
    root: Path
    number = 0
    reached: ClassVar[set[str]] = set()

    @initialize()
    def begin(self) -> None:
        Life.number += 1
        instance = self.root / f"life{Life.number}"
        instance.mkdir()
        there = Settings(instance=instance)
        put(self.empty, there)
        open_instance(there)
        self.world: World = make_world(instance)
        self.memory = Memory()
        self.contents = 0
        self.counted = dict.fromkeys(KEPT, 0)
        self.looks = 0
        self.request = self.world.draft(files=PATHS[:2])

    def teardown(self) -> None:
        if hasattr(self, "world"):
            assert verify()[1] is None
            Life.reached |= {kind for (kind,) in Event.select(Event.type).distinct().tuples()}
            close_database()
            close_instance()
            shutil.rmtree(self.world.instance)

    @property
    def now(self) -> ReleaseRequest:
        return self.world.again(self.request)

    def who(self, name: str) -> Any:
        return getattr(self.world.cast, name)

    @contextmanager
    def trying(self) -> Iterator[None]:
        """An act that may be refused: then nothing has happened."""
        before = (self.now.version, self.now.status)
        try:
            yield
        except Refused as refused:
            assert str(refused), "a refusal is a sentence"
            version, status = before
            kept = status in AUTHORS_TURN or "checks" in str(refused)  # what the checks found is kept
            assert self.now.status == status and (kept or self.now.version == version)

    def act(
        self, verb: Callable[..., Any], name: str, then: Callable[[], None] | None = None, /, **facts: Any
    ) -> None:
        with self.trying():
            verb(by=self.who(name), request_id=self.request.id, **facts)
            if then:
                then()

    @rule(path=paths, kind=strategies.sampled_from((OUTPUT, SUPPORTING)))
    def add(self, path: str, kind: str) -> None:
        with self.trying():
            adding.add_files(by=self.who("ada"), workspace="asthma", backend="local", group="tables",
                             files=[adding.Wanted(path, kind)])  # fmt: skip

    @rule(path=paths)
    def run_again_and_update(self, path: str) -> None:
        self.contents += 1
        self.world.publish({path: f"region,n\nNorth,{100 + 5 * self.contents}\nSouth,85\n"})
        self.act(adding.update_file, "ada", path=path)

    @rule(path=paths)
    def take_out(self, path: str) -> None:
        self.act(editing.withdraw_file, "ada", path=path)

    @rule(path=paths, kind=strategies.sampled_from((OUTPUT, SUPPORTING)))
    def retype(self, path: str, kind: str) -> None:
        self.act(editing.change_type, "ada", path=path, kind=kind)

    @rule(more=strategies.sampled_from(("", " More.", " Still more.")))
    def describe(self, more: str) -> None:
        self.act(save_group, "ada", group="tables", name="tables", context=CONTEXT + more, controls=CONTROLS)

    @rule(name=strategies.sampled_from(EVERYBODY), audience=strategies.sampled_from((PUBLIC, PRIVATE)))
    def say(self, name: str, audience: str) -> None:
        text, turn = f"{name} said {len(self.memory.said)}", self.now.turn
        said = Said(text, name, audience, turn)
        self.act(
            comments.comment,
            name,
            lambda: self._remember(said),
            text=text,
            audience=audience,
            group="tables",
        )

    @rule(name=strategies.sampled_from(EVERYBODY))
    def unsay(self, name: str) -> None:
        mine = Comment.select().where(Comment.writer == name).order_by(Comment.id.desc()).first()
        if mine is not None:
            self.act(comments.take_back, name, lambda: self._hide(mine.id), comment_id=mine.id)

    def _remember(self, said: Said) -> None:
        said.id = newest_comment().id
        self.memory.said.append(said)

    def _hide(self, number: int) -> None:
        for said in self.memory.said:
            said.hidden |= said.id == number

    @rule(name=strategies.sampled_from(EVERYBODY), audience=strategies.sampled_from(("", PRIVATE)))
    def answer(self, name: str, audience: str) -> None:
        asked, text = newest_comment(), f"{name} said {len(self.memory.said)}"
        if asked is not None:
            with self.trying():
                written = threads.reply(by=self.who(name), request_id=self.request.id, comment_id=asked.id,
                                        text=text, audience=audience)  # fmt: skip
                assert asked.audience == PUBLIC or written.audience == PRIVATE, (
                    "read by more than what it answers"
                )
                self._remember(Said(text, name, written.audience, written.turn))

    @rule(name=strategies.sampled_from(EVERYBODY))
    def say_better(self, name: str) -> None:
        said = next((one for one in reversed(self.memory.said) if one.writer == name), None)
        if said is not None:
            better = f"{said.text}, rather"
            self.act(
                threads.edit, name, lambda: setattr(said, "text", better), comment_id=said.id, text=better
            )

    @rule(name=strategies.sampled_from(EVERYBODY), solved=strategies.booleans())
    def settle(self, name: str, solved: bool) -> None:
        side = "CHECKER" if name == "ada" else "AUTHOR"
        asked = newest_comment((Comment.side == side) & Comment.answers.is_null())
        if asked is not None:
            mark, marks = Said("", name, PUBLIC, self.now.turn), CommentChange.select().count()
            self.act(threads.solve if solved else threads.reopen_comment, name, comment_id=asked.id)
            if CommentChange.select().count() > marks:  # else it was so already, as far as they know
                self.memory.marks.append((asked.id, solved, mark))

    @rule()
    def hand_over(self) -> None:
        self.settle("ada", True)
        if self.now.status in AUTHORS_TURN:
            self.say("ada", PUBLIC)
        self.act(steps.submit, "ada", checklist=EVERYTHING)

    @rule(name=checkers, path=paths, value=strategies.sampled_from((APPROVED, CHANGES)))
    def vote(self, name: str, path: str, value: str) -> None:
        file = RequestFile.get_or_none(request=self.request, path=path)
        if file is not None:
            self.act(
                voting.vote, name, lambda: self._voted(name, path, value, file.sha256), path=path, value=value
            )

    def _voted(self, name: str, path: str, value: str, content: str) -> None:
        if self.memory.acts.get((name, path)) != (value, content):
            self.memory.overruled.discard((name, path))
        if value == APPROVED:
            standing = self.memory.acts.get((name, path)) == (value, content)
            assert standing or (name, content, self.now.turn) in self.memory.opened, "approved unopened"
        if self.memory.acts.get((name, path)) != (value, content):
            self.memory.voted_in[(name, path)] = self.now.turn
        self.memory.acts[(name, path)] = (value, content)

    @rule(name=checkers, path=paths)
    def look(self, name: str, path: str) -> None:
        file = RequestFile.get_or_none(request=self.request, path=path)
        if file is not None:
            seen = (name, file.sha256, self.now.turn)
            self.act(voting.mark_opened, name, lambda: self.memory.opened.add(seen), path=path)

    @rule(name=checkers, path=paths)
    def clear(self, name: str, path: str) -> None:
        self.act(voting.clear_vote, name, lambda: self.memory.acts.pop((name, path), None), path=path)

    @rule(name=checkers, objecting=paths, objects=strategies.booleans())
    def review_everything(self, name: str, objecting: str, objects: bool) -> None:
        """The usual course, so that many lives reach a decision."""
        for path in PATHS:
            self.look(name, path)
            self.vote(name, path, CHANGES if objects and path == objecting else APPROVED)
        self.say(name, PRIVATE)
        self.settle(name, not objects)
        self.finish(name)

    @rule(name=checkers, objecting=paths, objects=strategies.booleans())
    def go_on(self, name: str, objecting: str, objects: bool) -> None:
        """What people usually do next."""
        status = self.now.status
        if status in AUTHORS_TURN:
            self.run_again_and_update(objecting)
            self.hand_over()
        elif status in APART:
            self.review_everything(name, objecting, objects)
        elif status in TOGETHER:
            self.release(name)
            if self.now.status in TOGETHER:
                self.give_back(name)
        else:
            self.stop(name)

    @rule(name=checkers)
    def go_on_in_peace(self, name: str) -> None:
        """A whole round without an objection, from wherever the request is."""
        if self.now.status in AUTHORS_TURN:
            self.add(PATHS[0], OUTPUT)
            self.hand_over()
        for checker in CHECKERS:
            if self.now.status in APART:
                self.review_everything(checker, PATHS[0], False)
        self.release(name)

    @rule(name=checkers)
    def finish(self, name: str) -> None:
        reviewed = self.memory.reviewed.setdefault(self.now.turn, set())
        self.act(steps.submit_review, name, lambda: reviewed.add(name))

    @rule(name=checkers, objector=checkers, path=paths)
    def set_aside(self, name: str, objector: str, path: str) -> None:
        done = lambda: self.memory.overruled.add((objector, path))
        self.act(voting.overrule, name, done, path=path, objector=objector, reason=REASON)

    @rule(name=checkers, path=paths)
    def stand_by(self, name: str, path: str) -> None:
        self.act(voting.restore, name, lambda: self.memory.overruled.discard((name, path)), path=path)

    @rule(name=checkers)
    def give_back_early(self, name: str) -> None:
        turn = self.now.turn
        self.act(steps.return_early, name, lambda: self._returned_early(name, turn), reason=REASON)

    def _returned_early(self, name: str, turn: int) -> None:
        if self.now.turn != turn:  # not the second click
            for said in self.memory.said:
                said.hidden |= said.turn == turn
            for _, _, mark in self.memory.marks:
                mark.hidden |= mark.turn == turn
            ended = {key for key, at in self.memory.voted_in.items() if at == turn}
            self.memory.acts = {key: act for key, act in self.memory.acts.items() if key not in ended}
            self.memory.reviewed[turn] = set()

    @rule(name=checkers)
    def give_back(self, name: str) -> None:
        self.say(name, PUBLIC)
        self.act(steps.return_request, name, reason=REASON)

    @rule(name=checkers)
    def release(self, name: str) -> None:
        self.act(releasing.approve, name, self._must_be_agreed)

    def _must_be_agreed(self) -> None:
        """The release against what the machine remembers of its own votes: two approvals of these very bytes."""
        turn = self.now.turn
        reviewed = self.memory.reviewed.get(turn, set())
        outputs = self.world.outputs(self.request)
        assert outputs and len(reviewed) >= 2
        for file in outputs:
            acts = {who: self.memory.acts.get((who, file.path)) for who in reviewed}
            assert sum(one == (APPROVED, file.sha256) for one in acts.values()) >= 2, (
                "released without two approvals"
            )
            objectors = {who for who, one in acts.items() if one == (CHANGES, file.sha256)}
            assert all((who, file.path) in self.memory.overruled for who in objectors), (
                "released over an objection"
            )

    @rule(name=checkers)
    def stop(self, name: str) -> None:
        self.act(releasing.stop_release, name, reason=REASON)

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "world"):
            counts = {model: model.select().count() for model in KEPT}
            assert all(counts[model] >= self.counted[model] for model in KEPT)
            self.counted = counts
            texts = {
                text for model in (Comment, CommentChange) for (text,) in model.select(model.text).tuples()
            }
            assert {said.text for said in self.memory.said} <= texts

    @invariant()
    def nobody_sees_anything_too_early(self) -> None:
        if not hasattr(self, "world"):
            return
        self.looks += 1
        name, path = EVERYBODY[self.looks % 4], PATHS[self.looks % 3]
        request = self.now
        page = overview(request.id, self.who(name))
        file = RequestFile.get_or_none(request=request, path=path)
        if file is not None:
            self._votes_are_blind(request, name, path)
        told = {one.sentence for one in page.activity if one.by.username not in ("", name)}
        if name == "ada" or request.status in APART:
            assert not told & {"voted", "cleared a vote", "opened a file", "overruled an objection"}
        decided = {line.decision for group in page.groups for line in group.files}
        if request.status in APART or (request.status in TOGETHER and name == "ada"):
            assert decided <= {""}
        assert name in CHECKERS or "CONFLICTED" not in decided

    def _votes_are_blind(self, request: ReleaseRequest, name: str, path: str) -> None:
        page = file_page(request.id, "tables", path, self.who(name))
        voters = {vote.checker.username for vote in page.votes}
        if name == "ada":
            assert not voters
        elif request.status in APART:
            assert voters <= {name}

    @invariant()
    def comments_are_read_when_their_time_has_come(self) -> None:
        if not hasattr(self, "world"):
            return
        request, name = self.now, EVERYBODY[(self.looks + 2) % 4]
        page = group_page(request.id, "tables", self.who(name)).comments
        mine = {said.text for said in self.memory.said}
        read = {said.text for said in self.memory.said if self._may_read(said, name, request)}
        assert {one.text for one in page} & mine == read
        for one in page:
            assert name == one.writer.username or not one.earlier, "what was edited away is read"
            marks = [mark for mark in self.memory.marks if mark[0] == one.id]
            seen = [solved for _, solved, mark in marks if self._may_read(mark, name, request)]
            assert (one.solved_by is not None) == (bool(seen) and seen[-1]), (
                "told of too early, or not at all"
            )

    def _may_read(self, said: Said, name: str, request: ReleaseRequest) -> bool:
        """The table of the specification, told once more in another way."""
        if said.writer == name:
            return True
        if said.hidden or (said.audience == PRIVATE and name == "ada"):
            return False
        if said.turn < request.turn or request.status not in (*AUTHORS_TURN, *APART, *TOGETHER):
            return True
        if request.status in APART:
            return False
        if request.status in TOGETHER:
            return name in CHECKERS
        return said.writer in CHECKERS


def newest_comment(*conditions: Any) -> Any:
    """The comment that was written last in the only group, of those for which all this holds; None before the first."""
    return (
        Comment.select().where(Comment.group.is_null(False), *conditions).order_by(Comment.id.desc()).first()
    )


def test_no_course_of_a_request_breaks_its_laws(prepared: Path, tmp_path: Path) -> None:
    """OC1, OC4, OC5, OC6, OC12, OC14: hypothesis looks for a course that does."""
    Life.empty, Life.root = prepared / "empty.db", tmp_path
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=8,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.generate),
        ),
    )
    steps_of_a_life = {
        "submitted",
        "resubmitted",
        "partially-reviewed",
        "reviewed",
        "returned",
        "approved",
        "updated",
        "comment-edited",
        "comment-solved",
    }
    assert {f"release:{step}" for step in steps_of_a_life} <= Life.reached, (
        "the lives were too short to show anything"
    )
