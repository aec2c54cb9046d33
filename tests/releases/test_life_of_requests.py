"""The life of release requests through the real verbs: every step, what it needs, what it leaves, what each side sees."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from peewee import IntegrityError

from jobsite.accounts.models import User
from jobsite.core import clock
from jobsite.core.db import database
from jobsite.core.errors import Conflict, Denied, Invalid, NotFound
from jobsite.core.events import Event, verify
from jobsite.outputs.models import Look
from jobsite.projects.models import ProjectMembership, Workspace
from jobsite.releases.requests.adding import Wanted, add_files, update_file
from jobsite.releases.requests.comments import comment, make_public, repost, take_back
from jobsite.releases.requests.editing import change_type, move_file, withdraw_file
from jobsite.releases.requests.findings import confirm, explain, pin, unwaive, waive
from jobsite.releases.requests.forcing import force, give
from jobsite.releases.requests.groups import save_group
from jobsite.releases.requests.listing import queue
from jobsite.releases.requests.models import Comment, ReleaseRequest, RequestFile, RequestGroup, Review, Vote
from jobsite.releases.requests.queries import audit, file_page, group_page, open_copy, overview
from jobsite.releases.requests.rechecking import recheck
from jobsite.releases.requests.releasing import approve, recall, stop_release
from jobsite.releases.requests.repeating import ahead, request_again
from jobsite.releases.requests.rules import APPROVE, CHANGES, OUTPUT, PRIVATE, PUBLIC, SUPPORTING, UNDECIDED
from jobsite.releases.requests.steps import (
    reject,
    return_early,
    return_request,
    submit,
    submit_review,
    withdraw,
)
from jobsite.releases.requests.taking import declare, let_go, take
from jobsite.releases.requests.voting import (
    changes_all,
    clear_all,
    clear_vote,
    mark_opened,
    overrule,
    restore,
    vote,
)
from jobsite.settings import current

from .world import CONTEXT, CONTROLS, EVERYTHING, OTHER, REASON, SMALL, TABLE, World

A, B, PLOT = "output/a.csv", "output/b.csv", "output/plot.csv"


def votes(world: World, request: ReleaseRequest, path: str) -> dict[str, str]:
    """The current votes on a file, by checker."""
    rows = Vote.select().where(Vote.file == world.file(request, path), Vote.superseded_at.is_null())
    return {row.checker: row.value for row in rows}


def decisions(request: ReleaseRequest, viewer: User) -> dict[str, str]:
    """The decisions on the files as this person reads them."""
    return {file.path: file.decision for group in overview(request.id, viewer).groups for file in group.files}


def happened(request: ReleaseRequest) -> list[str]:
    rows = Event.select(Event.type).where(Event.subject == f"release-request:{request.id}").order_by(Event.id)
    return [kind.removeprefix("release:") for (kind,) in rows.tuples()]


def ballot(world: World, who: User, request: ReleaseRequest, path: str, value: str) -> None:
    mark_opened(by=who, request_id=request.id, path=path)
    vote(by=who, request_id=request.id, path=path, value=value)


def texts(request: ReleaseRequest, viewer: User) -> set[str]:
    """The texts of all comments that this person may read, wherever they stand."""
    seen = {one.text for one in overview(request.id, viewer).comments}
    for group in request.groups:
        seen |= {one.text for one in group_page(request.id, group.slug, viewer).comments}
    return seen


def test_the_worked_example(world: World) -> None:
    """Specification 2.8, from the first file to the record; nobody sees anything too early."""
    ada, ben, cat, cyd = (getattr(world.cast, name) for name in ("ada", "ben", "cat", "cyd"))
    request = world.draft(files=(A, B))
    world.draft(files=(PLOT,), group="figures")
    submit(by=ada, request_id=request.id, checklist=EVERYTHING)
    request = world.again(request)
    assert (request.status, request.turn) == ("SUBMITTED", 1)

    for path, value in ((A, APPROVE), (B, CHANGES), (PLOT, CHANGES)):
        ballot(world, cat, request, path, value)
    with pytest.raises(Denied, match="Comment on the changes"):
        submit_review(by=cat, request_id=request.id)
    for group in ("tables", "figures"):
        comment(by=cat, request_id=request.id, group=group, text=f"cat on {group}", audience=PRIVATE)
    submit_review(by=cat, request_id=request.id)
    assert world.again(request).status == "PARTIALLY_REVIEWED"
    assert overview(request.id, cyd).head.label == "1 of 2 reviews in"
    assert "cat on tables" not in texts(request, cyd) | texts(request, ada) | texts(request, ben)
    assert file_page(request.id, "tables", A, cyd).votes == ()

    for path, value in ((A, APPROVE), (B, CHANGES), (PLOT, APPROVE)):
        ballot(world, cyd, request, path, value)
    comment(by=cyd, request_id=request.id, group="tables", text="cyd on tables", audience=PRIVATE)
    submit_review(by=cyd, request_id=request.id)
    assert world.again(request).status == "REVIEWED"
    assert decisions(request, cyd) == {A: APPROVE, B: CHANGES, PLOT: "CONFLICTED"}
    assert decisions(request, ada) == {A: "", B: "", PLOT: ""}
    assert {"cat on tables", "cyd on tables"} <= texts(request, cyd)
    assert [file.path for file in overview(request.id, cat).disagreements] == [PLOT]

    vote(by=cat, request_id=request.id, path=PLOT, value=APPROVE)
    with pytest.raises(Denied, match="public comment"):
        return_request(by=cyd, request_id=request.id, reason=REASON)
    comment(by=cyd, request_id=request.id, group="tables", text="Round b.", audience=PUBLIC)
    return_request(by=cyd, request_id=request.id, reason=REASON)
    request = world.again(request)
    assert (request.status, request.turn) == ("RETURNED", 2)
    assert decisions(request, ada) == {A: APPROVE, B: CHANGES, PLOT: APPROVE}
    assert texts(request, ada) == {REASON, "Round b."}

    world.publish({B: OTHER.replace("130", "135")})
    with pytest.raises(Denied, match="comment in this group"):
        submit(by=ada, request_id=request.id, checklist=EVERYTHING)
    update_file(by=ada, request_id=request.id, path=B)
    assert set(votes(world, request, B).values()) == {UNDECIDED}
    comment(by=ben, request_id=request.id, group="tables", text="Rounded.")
    assert "Rounded." not in texts(request, cat)
    submit(by=ada, request_id=request.id, checklist=EVERYTHING)
    assert world.again(request).turn == 3 and "Rounded." in texts(request, cat)
    assert votes(world, request, A) == {"cat": APPROVE, "cyd": APPROVE}, "untouched approvals stand"

    with pytest.raises(Denied, match="Vote on this file"):
        submit_review(by=cat, request_id=request.id)
    for checker in (cat, cyd):
        ballot(world, checker, request, B, APPROVE)
        submit_review(by=checker, request_id=request.id)
    approve(by=cyd, request_id=request.id)
    request = world.again(request)
    assert (request.status, request.upload_state, request.approved_by) == ("APPROVED", "held", "cyd")
    assert request.undo_until > clock.now() and request.record
    assert all(file.released_by == "cyd" for file in world.outputs(request))
    assert happened(request)[-1] == "approved" and verify()[1] is None


def test_reviewers_of_a_later_turn_vote_on_every_file(world: World) -> None:
    """2.8, last sentence: only this turn's submitters count."""
    request = world.returned()
    comment(by=world.cast.ada, request_id=request.id, group="tables", text="It is rounded already.")
    submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
    ballot(world, world.cast.eve, request, B, APPROVE)
    with pytest.raises(Denied, match="Vote on this file"):
        submit_review(by=world.cast.eve, request_id=request.id)
    assert decisions(world.again(request), world.cast.eve)[A] == ""


def test_where_three_reviews_are_needed_two_are_not_enough(world: World) -> None:
    """T5, OC45: the number is the policy's."""
    object.__setattr__(current(), "reviews_needed", 3)
    request = world.submitted()
    for checker in (world.cast.cat, world.cast.cyd):
        world.review(checker, request)
    head = overview(request.id, world.cast.eve).head
    assert (head.status, head.label, head.reviews_needed) == ("PARTIALLY_REVIEWED", "2 of 3 reviews in", 3)
    assert queue(world.cast.eve).rows[0].label == "2 of 3 reviews in"
    with pytest.raises(Denied, match="while the request is reviewed"):
        approve(by=world.cast.cat, request_id=request.id)
    world.review(world.cast.eve, request)
    assert approve(by=world.cast.cat, request_id=request.id).status == "APPROVED"


def test_a_file_that_is_added_brings_the_policy_of_its_day_with_its_reviews(world: World) -> None:
    """OC45: list and page of a request say the same number."""
    world.draft()
    object.__setattr__(current(), "reviews_needed", 3)
    request = world.draft(files=(PLOT,))
    assert (request.policy_version, request.needed) == (2, 3)
    assert overview(request.id, world.cast.ada).head.reviews_needed == 3


class TestAdding:
    def test_a_first_file_makes_the_request_with_project_and_organisations(self, world: World) -> None:
        request = world.draft()
        assert (request.status, request.turn, request.project) == ("PENDING", 0, world.project)
        assert request.orgs == ["University of Northfield"] and len(request.id) == 26
        file = world.file(request, A)
        assert (file.rows, file.action, file.user, file.commit) == (3, "tables", "ada", "c" * 40)
        opened, _ = open_copy(request.id, file.id, world.cast.ada)
        with opened:
            assert opened.read() == TABLE.encode()

    def test_one_active_request_per_author_and_workspace_colleagues_have_their_own(
        self, world: World
    ) -> None:
        first = world.draft()
        assert world.draft(files=(PLOT,)).id == first.id
        assert world.draft(world.cast.ben).id != first.id
        with pytest.raises(IntegrityError):
            facts = {name: getattr(first, name) for name in ("workspace", "backend", "project", "author")}
            ReleaseRequest.create(
                id="0" * 26, **facts, created_at=clock.now(), moved_at=clock.now(), moved_by="ada",
                policy="default", policy_version=1,
            )  # fmt: skip

    @pytest.mark.parametrize("name", ["cat", "dan", "pat", "sam"])
    def test_only_people_who_work_on_the_workspace_may_ask(self, world: World, name: str) -> None:
        """OC18."""
        with pytest.raises((Denied, NotFound)):
            world.draft(getattr(world.cast, name))
        assert not ReleaseRequest.select().exists()

    def test_a_path_is_in_a_request_once_and_only_what_is_at_level_4(self, world: World) -> None:
        request = world.draft()
        for files, path in (
            ((Wanted(A),), A),
            ((Wanted("output/none.csv"),), "output/none.csv"),
            ((Wanted("../x"),), "../x"),
        ):
            with pytest.raises(Invalid) as refused:
                add_files(by=world.cast.ada, workspace="asthma", backend="local", group="tables", files=files)
            assert path in refused.value.fields
        assert request.files.count() == 2

    def test_a_failed_add_leaves_no_file_and_no_copy(self, world: World) -> None:
        """OC30: one bad file among good ones, nothing is added."""
        with pytest.raises(Invalid):
            add_files(by=world.cast.ada, workspace="asthma", backend="local", group="g",
                      files=[Wanted(A), Wanted("output/none.csv")])  # fmt: skip
        assert not ReleaseRequest.select().exists()
        assert list((world.instance / "releases" / "copies").iterdir()) == []

    def test_a_stop_finding_keeps_a_file_out_as_output(self, world: World) -> None:
        """OC32, OC33, 5.3: fail closed at add."""
        world.publish(
            {"output/people.csv": "nhs_number,n\n" + "".join(f"943476591{n},{n}\n" for n in range(10))}
        )
        with pytest.raises(Invalid) as refused:
            world.draft(files=("output/people.csv",))
        assert "output/people.csv" in refused.value.fields

    def test_limits_of_files_and_groups(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """11: 50 groups."""
        monkeypatch.setattr("jobsite.releases.requests.groups.MOST_GROUPS", 1)
        request = world.draft()
        with pytest.raises(Invalid, match="at most 1 group"):
            move_file(by=world.cast.ada, request_id=request.id, path=A, group="another")
        row = {name: value for name, value in world.file(request, A).__data__.items() if name != "id"}
        more = [{**row, "path": f"output/f{number}.csv"} for number in range(198)]
        RequestFile.insert_many(more).execute()
        for files in ([PLOT], [f"output/f{number}.csv" for number in range(201)]):
            with pytest.raises(Invalid, match="at most 200 files, and this would be 201"):
                wanted = [Wanted(path) for path in files]
                add_files(
                    by=world.cast.ada, workspace="asthma", backend="local", group="tables", files=wanted
                )

    def test_released_content_comes_back_as_supporting_only(self, world: World) -> None:
        """2.5: under whatever name; the same name with other bytes may be an output."""
        world.approved()
        world.publish({"output/renamed.csv": TABLE, B: OTHER.replace("130", "140")})
        request = world.draft(world.cast.ben, files=(B,))
        with pytest.raises(Invalid, match="released from this workspace before"):
            world.draft(world.cast.ben, files=("output/renamed.csv",))
        world.draft(world.cast.ben, files=(), supporting=("output/renamed.csv", A))
        with pytest.raises(Invalid, match="released from this workspace before"):
            change_type(by=world.cast.ben, request_id=request.id, path=A, kind=OUTPUT)

    def test_the_request_keeps_its_copy_when_the_workspace_moves_on(self, world: World) -> None:
        request = world.draft()
        before = world.file(request, A).sha256
        world.publish({A: TABLE.replace("120", "125")})
        line = next(file for file in overview(request.id, world.cast.ada).groups[0].files if file.path == A)
        assert (line.workspace_has, world.file(request, A).sha256) == ("updated", before)
        update_file(by=world.cast.ada, request_id=request.id, path=A)
        page = file_page(request.id, "tables", A, world.cast.ada)
        assert page.file.workspace_has == "same" and [one.sha256 for one in page.versions] == [before]
        with pytest.raises(Invalid, match="this version of the file already"):
            update_file(by=world.cast.ada, request_id=request.id, path=A)

    def test_checkers_compare_with_what_they_reviewed_last(self, world: World) -> None:
        """OC47: however often the author updated it since, or took it out and put it back."""
        request = world.returned()
        reviewed = world.file(request, B).sha256
        for count in ("135", "140"):
            world.publish({B: OTHER.replace("130", count)})
            update_file(by=world.cast.ada, request_id=request.id, path=B)
        withdraw_file(by=world.cast.ada, request_id=request.id, path=B)
        world.publish({B: OTHER.replace("130", "145")})
        world.draft(files=(B,))
        comment(by=world.cast.ada, request_id=request.id, group="tables", text="Rounded.")
        submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
        page = file_page(request.id, "tables", B, world.cast.cat)
        assert page.last_reviewed == reviewed and len(page.versions) == 3
        assert file_page(request.id, "tables", A, world.cast.cat).last_reviewed == ""


class TestEditing:
    """2.5, OC2: what changes re-opens what was decided, and nothing else."""

    def test_new_bytes_reopen_the_votes_on_that_file_only(self, world: World) -> None:
        request = world.returned()
        world.publish({A: TABLE.replace("120", "125")})
        update_file(by=world.cast.ada, request_id=request.id, path=A)
        assert set(votes(world, request, A).values()) == {UNDECIDED}
        assert set(votes(world, request, B).values()) == {CHANGES}
        row = Vote.get(file=world.file(request, A), checker="cat", superseded_at=None)
        assert (row.reopened_for, row.before) == ("content", APPROVE)
        mine = file_page(request.id, "tables", A, world.cast.cat).my_vote
        assert mine and (mine.value, mine.before, mine.reopened_for) == (UNDECIDED, APPROVE, "content")
        assert file_page(request.id, "tables", A, world.cast.cat).file.my_vote == ""

    @pytest.mark.parametrize("change", [
        lambda world, request: withdraw_file(by=world.cast.ada, request_id=request.id, path=B),
        lambda world, request: move_file(by=world.cast.ada, request_id=request.id, path=B, group="others"),
        lambda world, request: change_type(by=world.cast.ada, request_id=request.id, path=B, kind=SUPPORTING),
        lambda world, request: world.draft(files=(PLOT,)),
        lambda world, request: save_group(by=world.cast.ada, request_id=request.id, group="tables", name="tables",
                                          context=CONTEXT + " More.", controls=CONTROLS),
    ])  # fmt: skip
    def test_what_changes_a_group_reopens_all_votes_in_it(
        self, world: World, change: Callable[..., Any]
    ) -> None:
        request = world.returned()
        change(world, request)
        assert set(votes(world, request, A).values()) == {UNDECIDED}

    def test_a_new_name_of_a_group_changes_neither_votes_nor_address(self, world: World) -> None:
        request = world.returned()
        save_group(by=world.cast.ada, request_id=request.id, group="tables", name="Tables of counts",
                   context=CONTEXT, controls=CONTROLS)  # fmt: skip
        assert set(votes(world, request, A).values()) == {APPROVE}
        assert group_page(request.id, "tables", world.cast.ada).group.name == "Tables of counts"

    def test_a_change_that_changes_nothing_is_refused(self, world: World) -> None:
        request = world.draft()
        ada = {"by": world.cast.ada, "request_id": request.id, "path": A}
        with pytest.raises(Invalid):
            move_file(**ada, group="TABLES")
        with pytest.raises(Invalid):
            change_type(**ada, kind=OUTPUT)
        withdraw_file(**ada)
        for act in (withdraw_file, update_file):
            with pytest.raises(Invalid):
                act(**ada)

    def test_what_was_said_of_a_group_goes_with_the_file_it_was_said_of(self, world: World) -> None:
        request = world.draft()
        group = request.groups.get()
        said = {"rule": "X5", "severity": "fix", "sentence": "Say what changed.", "place": {"kind": "group"}}
        RequestGroup.update(findings=[said, {**said, "rule": "D3"}]).where(
            RequestGroup.id == group.id
        ).execute()
        withdraw_file(by=world.cast.ada, request_id=request.id, path=B)
        assert [one["rule"] for one in RequestGroup.get_by_id(group.id).findings] == ["D3"]

    def test_a_withdrawn_file_stays_and_can_come_back(self, world: World) -> None:
        request = world.draft()
        withdraw_file(by=world.cast.ada, request_id=request.id, path=A)
        row = world.file(request, A)
        assert row.kind == "WITHDRAWN"
        world.draft(files=(A,), group="again")
        assert world.file(request, A).id == row.id and world.file(request, A).kind == OUTPUT

    def test_a_group_is_named_once_and_any_name_gives_a_page(self, world: World) -> None:
        """OC28."""
        names = ("Tables", "a/b", '"', "👩‍👩‍👧", "..", "x" * 80)
        request = world.draft()
        for name in names[1:]:
            move_file(by=world.cast.ada, request_id=request.id, path=A, group=name)
        move_file(by=world.cast.ada, request_id=request.id, path=A, group="TABLES")
        slugs = [group.slug for group in request.groups]
        assert len(set(slugs)) == len(names) and "-" not in slugs
        assert {group_page(request.id, slug, world.cast.ada).group.name for slug in slugs} == {
            "tables",
            *names[1:],
        }


class TestSubmitting:
    def test_what_is_missing_is_named_with_where_to_go(self, world: World) -> None:
        """T2, OC40."""
        ada = world.cast.ada
        request = add_files(
            by=ada, workspace="asthma", backend="local", group="g", files=[Wanted(A, SUPPORTING)]
        )
        ways = overview(request.id, ada).in_the_way["submit"]
        assert {(one.sentence.split()[0], one.group) for one in ways} == {("Add", ""), ("Say", "g")}
        with pytest.raises(Denied, match="Add at least one file as OUTPUT"):
            submit(by=ada, request_id=request.id, checklist=EVERYTHING)
        with pytest.raises(Invalid, match="checklist"):
            submit(by=ada, request_id=request.id, checklist=EVERYTHING[1:])

    def test_a_small_count_has_to_be_mended_or_explained(self, world: World) -> None:
        """OC44, 5.3: the finding is the same for author and checker."""
        world.publish({A: SMALL})
        request, ada, cat = world.draft(), world.cast.ada, world.cast.cat
        with pytest.raises(Denied, match="Mend or explain"):
            submit(by=ada, request_id=request.id, checklist=EVERYTHING)
        fixes = [one for one in file_page(request.id, "tables", A, ada).findings if one.severity == "fix"]
        assert fixes and all(one.is_open for one in fixes)
        with pytest.raises(Invalid, match="at least 20"):
            explain(by=ada, request_id=request.id, path=A, text="fine", fingerprint=fixes[0].fingerprint)
        for one in fixes:
            explain(by=ada, request_id=request.id, path=A, text="This is a count of regions, not of people.",
                    fingerprint=one.fingerprint)  # fmt: skip
        submit(by=ada, request_id=request.id, checklist=EVERYTHING)
        shown = [one for one in file_page(request.id, "tables", A, cat).findings if one.severity == "fix"]
        assert {one.sentence for one in shown} == {one.sentence for one in fixes}
        assert all(one.explanation and one.is_open for one in shown)
        mark_opened(by=cat, request_id=request.id, path=A)
        with pytest.raises(Denied, match="Waive"):
            vote(by=cat, request_id=request.id, path=A, value=APPROVE)
        for one in shown:
            waive(by=cat, request_id=request.id, path=A, code="not-a-count", text="It counts regions, as is said.",
                  fingerprint=one.fingerprint)  # fmt: skip
        vote(by=cat, request_id=request.id, path=A, value=APPROVE)
        assert all(not one.is_waived for one in file_page(request.id, "tables", A, world.cast.cyd).findings)
        unwaive(by=cat, request_id=request.id, path=A, fingerprint=shown[0].fingerprint)
        assert votes(world, request, A) == {"cat": UNDECIDED}, (
            "an approval cannot stand on what is not waived"
        )

    def test_an_archived_workspace_or_a_project_that_ended_is_looked_at_only(self, world: World) -> None:
        """OC10."""
        request = world.draft()
        Workspace.update(is_archived=True).execute()
        with pytest.raises(Denied, match="archived"):
            submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
        assert overview(request.id, world.cast.ada).head.why["add_files"]

    def test_who_lost_their_role_can_do_nothing_any_more(self, world: World) -> None:
        """OC18."""
        request = world.draft()
        ProjectMembership.update(roles=[]).where(ProjectMembership.user == world.cast.ada).execute()
        with pytest.raises(NotFound):
            submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)

    def test_a_second_click_is_a_no_op(self, world: World) -> None:
        """OC8: for every hand-over."""
        request = world.submitted()
        before = happened(request)
        submit(by=world.cast.ada, request_id=request.id, checklist=())
        assert happened(request) == before
        world.review(world.cast.cat, request)
        before = happened(request)
        submit_review(by=world.cast.cat, request_id=request.id)
        assert happened(request) == before and Review.select().count() == 1
        world.review(world.cast.cyd, request)
        approve(by=world.cast.cyd, request_id=request.id)
        before = happened(request)
        approve(by=world.cast.cyd, request_id=request.id)
        assert happened(request) == before


class TestReviewing:
    def test_nobody_reviews_their_own_request_nor_a_colleagues(self, world: World) -> None:
        """OC12."""
        request = world.submitted(world.cast.fay)
        with pytest.raises(Denied, match="nobody reviews their own"):
            mark_opened(by=world.cast.fay, request_id=request.id, path=A)
        other = world.submitted(files=(PLOT,))
        with pytest.raises(Denied, match="work on this workspace"):
            mark_opened(by=world.cast.fay, request_id=other.id, path=PLOT)
        with pytest.raises(Denied, match="work on this workspace|policy|declare|have something"):
            vote(by=world.cast.fay, request_id=other.id, path=PLOT, value=CHANGES)

    def test_a_checker_approves_only_what_they_opened_in_this_turn(self, world: World) -> None:
        """OC14."""
        request = world.submitted()
        with pytest.raises(Denied, match="Open the file first"):
            vote(by=world.cast.cat, request_id=request.id, path=A, value=APPROVE)
        vote(by=world.cast.cat, request_id=request.id, path=A, value=CHANGES)
        mark_opened(by=world.cast.cyd, request_id=request.id, path=A)
        with pytest.raises(Denied, match="Open the file first"):
            vote(by=world.cast.cat, request_id=request.id, path=A, value=APPROVE)

    def test_votes_are_flipped_and_cleared_until_the_review_is_in_then_flipped_only(
        self, world: World
    ) -> None:
        request, cat = world.submitted(), world.cast.cat
        assert changes_all(by=cat, request_id=request.id, group="tables") == 2
        assert changes_all(by=cat, request_id=request.id, group="tables") == 0
        assert clear_all(by=cat, request_id=request.id, group="tables") == 2
        ballot(world, cat, request, A, APPROVE)
        clear_vote(by=cat, request_id=request.id, path=A)
        assert votes(world, request, A) == {}
        world.review(cat, request)
        vote(by=cat, request_id=request.id, path=A, value=CHANGES)
        assert votes(world, request, A) == {"cat": CHANGES}
        with pytest.raises(Denied, match="instead of clearing"):
            clear_vote(by=cat, request_id=request.id, path=A)
        kept = Vote.select().where(Vote.checker == "cat", Vote.superseded_at.is_null(False))
        assert kept.count() == 4, "what was voted before is kept"

    def test_a_third_review_changes_no_status(self, world: World) -> None:
        request = world.reviewed()
        world.review(world.cast.eve, request, [A])
        assert world.again(request).status == "REVIEWED"
        assert decisions(request, world.cast.cat)[A] == "CONFLICTED"
        with pytest.raises(Denied, match="Checkers disagree"):
            approve(by=world.cast.cat, request_id=request.id)

    def test_an_objection_blocks_until_withdrawn_or_overruled_and_can_be_restored(self, world: World) -> None:
        """OC1."""
        request = world.submitted()
        world.review(world.cast.cat, request)
        world.review(world.cast.cyd, request, [A])
        world.review(world.cast.eve, request)
        cat, cyd, eve = world.cast.cat, world.cast.cyd, world.cast.eve
        act = {"request_id": request.id, "path": A, "objector": "cyd"}
        with pytest.raises(Denied, match="your own objection"):
            overrule(by=cyd, **act, reason=REASON)
        with pytest.raises(Invalid, match="at least 20"):
            overrule(by=cat, **act, reason="No.")
        overrule(by=cat, **act, reason=REASON)
        with pytest.raises(Denied, match="overruled already"):
            overrule(by=eve, **act, reason=REASON)
        assert decisions(request, cat)[A] == APPROVE
        page = file_page(request.id, "tables", A, cyd)
        assert (
            page.my_vote and page.my_vote.overruled_because == REASON and page.my_vote.why_not_restore is None
        )
        restore(by=cyd, request_id=request.id, path=A)
        with pytest.raises(Denied, match="Checkers disagree"):
            approve(by=cat, request_id=request.id)
        vote(by=cyd, request_id=request.id, path=A, value=APPROVE) if page.file.is_opened else None
        assert approve(by=cat, request_id=request.id).status == "APPROVED"

    def test_a_pinned_remark_asks_for_mending_and_reaches_the_author(self, world: World) -> None:
        request = world.submitted()
        for checker in (world.cast.cat, world.cast.cyd):
            world.review(checker, request, [A], ends=False)
        pin(by=world.cast.cat, request_id=request.id, path=A, place={"kind": "cell", "row": 2, "col": 2},
            severity="fix", sentence="North and South can be told apart by this.")  # fmt: skip
        assert not any(
            one.rule == "M1" for one in file_page(request.id, "tables", A, world.cast.cyd).findings
        )
        for checker in (world.cast.cat, world.cast.cyd):
            submit_review(by=checker, request_id=request.id)
        comment(by=world.cast.cat, request_id=request.id, group="tables", text="See a.", audience=PUBLIC)
        assert not any(
            one.rule == "M1" for one in file_page(request.id, "tables", A, world.cast.ada).findings
        )
        return_request(by=world.cast.cat, request_id=request.id, reason=REASON)
        [shown] = file_page(request.id, "tables", A, world.cast.ada).findings
        assert (shown.rule, shown.place["row"], shown.is_open) == ("M1", 2, True)
        comment(by=world.cast.ada, request_id=request.id, group="tables", text="No, see the map.")
        with pytest.raises(Denied, match="Mend or explain"):
            submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
        explain(
            by=world.cast.ada,
            request_id=request.id,
            path=A,
            text="The regions are merged in the map.",
            rule="M1",
        )
        submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)

    def test_who_takes_a_request_is_told_to_others_for_a_working_day(self, world: World) -> None:
        """OC41."""
        request = world.submitted()
        take(by=world.cast.cat, request_id=request.id)
        assert overview(request.id, world.cast.cyd).head.taken_by.username == "cat"
        let_go(by=world.cast.cyd, request_id=request.id)
        assert queue(world.cast.cyd, "queue").rows[0].taken_by.name == "Cat Castell"
        with clock.at(clock.now() + timedelta(days=5)):
            [row] = queue(world.cast.cyd, "queue").rows
            assert row.taken_by is None and row.days_left <= 2
        let_go(by=world.cast.cat, request_id=request.id)
        assert overview(request.id, world.cast.cyd).head.taken_by is None

    def test_a_declaration_is_only_for_checkers_who_work_there(self, world: World) -> None:
        request = world.submitted()
        declare(by=world.cast.fay, request_id=request.id, text="I built the pipeline of this study.")
        with pytest.raises(Denied):
            declare(by=world.cast.cat, request_id=request.id, text="I built the pipeline of this study.")


class TestReturning:
    def test_an_early_return_supersedes_votes_and_seals_what_was_said(self, world: World) -> None:
        """2.6, OC4, OC11: it works when a voter has lost the role; nothing is deleted."""
        request, cat, cyd = world.submitted(), world.cast.cat, world.cast.cyd
        world.review(cat, request, [A])
        User.update(roles=[]).where(User.id == cat.id).execute()
        return_early(by=cyd, request_id=request.id, reason=REASON)
        request = world.again(request)
        assert (request.status, request.turn, request.returned_early) == ("RETURNED", 2, True)
        assert votes(world, request, A) == {} and Vote.select().count() == 2
        assert texts(request, world.cast.ada) == {REASON} == texts(request, cyd)
        User.update(roles=["OutputChecker"]).where(User.id == cat.id).execute()
        assert "Not yet." in texts(request, User.get_by_id(cat.id)), "its writer still reads it"
        assert decisions(request, world.cast.ada) == {A: "", B: ""}
        submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)  # no comment is asked for
        sealed = Comment.get(text="Not yet.")
        repost(by=User.get_by_id(cat.id), request_id=request.id, comment_id=sealed.id)
        assert Comment.select().where(Comment.text == "Not yet.").count() == 2

    @pytest.mark.parametrize("act", [
        lambda world, request: return_early(by=world.cast.cat, request_id=request.id, reason="Short."),
        lambda world, request: return_request(by=world.cast.cat, request_id=request.id, reason=""),
        lambda world, request: reject(by=world.cast.cat, request_id=request.id, category="type", reason=" " * 30),
        lambda world, request: reject(by=world.cast.cat, request_id=request.id, category="mood", reason=REASON),
        lambda world, request: recall(by=world.cast.cat, request_id=request.id, public_reason="", private_reason=REASON),
    ])  # fmt: skip
    def test_return_reject_and_recall_need_a_reason(self, world: World, act: Callable[..., Any]) -> None:
        """OC3."""
        request = world.reviewed()
        before = world.again(request).version
        with pytest.raises((Invalid, Denied)):
            act(world, request)
        assert world.again(request).version == before

    def test_everything_approved_can_still_be_returned(self, world: World) -> None:
        request = world.reviewed()
        assert return_request(by=world.cast.eve, request_id=request.id, reason=REASON).status == "RETURNED"

    def test_a_rejection_is_final_and_its_reason_is_read_by_the_author(self, world: World) -> None:
        request = world.reviewed([A, B])
        reject(by=world.cast.cat, request_id=request.id, category="patient-level", reason=REASON)
        head = overview(request.id, world.cast.ada).head
        assert (head.status, head.category) == ("REJECTED", "patient-level")
        assert REASON in texts(request, world.cast.ada) and "Not yet." not in texts(request, world.cast.ada)
        assert world.draft().id != request.id, "a new request can be made"

    def test_the_author_withdraws_and_the_copies_stay(self, world: World) -> None:
        request = world.returned()
        withdraw(by=world.cast.ada, request_id=request.id)
        withdraw(by=world.cast.ada, request_id=request.id)
        assert world.again(request).status == "WITHDRAWN"
        opened, _ = open_copy(request.id, world.file(request, A).id, world.cast.cat)
        opened.close()

    def test_approvals_of_earlier_turns_outlive_an_early_return(self, world: World) -> None:
        """2.6: it is the turn's votes that are superseded."""
        request = world.returned()
        comment(by=world.cast.ada, request_id=request.id, group="tables", text="It is rounded already.")
        submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
        ballot(world, world.cast.cat, request, B, APPROVE)
        return_early(by=world.cast.cyd, request_id=request.id, reason=REASON)
        assert votes(world, request, A) == {"cat": APPROVE, "cyd": APPROVE}
        assert "cat" not in votes(world, request, B)

    def test_waivers_and_forced_acts_need_a_reason_too(self, world: World) -> None:
        """OC3."""
        request = world.submitted()
        finding = {"by": world.cast.cat, "request_id": request.id, "path": A, "rule": "C1"}
        for code, text in (("other", "Short."), ("mood", REASON)):
            with pytest.raises(Invalid):
                waive(**finding, code=code, text=text)
        with pytest.raises(NotFound, match="no such finding"):
            waive(**finding, code="other", text=REASON)


class TestComments:
    def test_a_comment_taken_back_is_read_by_its_writer_only(self, world: World) -> None:
        """OC4, OC5."""
        request, ada = world.draft(), world.cast.ada
        written = comment(by=ada, request_id=request.id, text="Something unwise.", group="tables")
        take_back(by=ada, request_id=request.id, comment_id=written.id)
        take_back(by=ada, request_id=request.id, comment_id=written.id)
        [shown] = group_page(request.id, "tables", world.cast.ben).comments
        assert shown.is_taken_back and shown.text == ""
        assert "Something unwise." in texts(request, ada) | texts(request, world.cast.sam)
        assert all("unwise" not in event.data for event in Event.select())
        assert Comment.get_by_id(written.id).text == "Something unwise."

    def test_a_private_comment_can_be_made_public_by_its_writer(self, world: World) -> None:
        request, cat = world.reviewed(), world.cast.cat
        written = comment(by=cat, request_id=request.id, text="For checkers.", audience=PRIVATE)
        with pytest.raises(Denied, match="Only its writer"):
            make_public(by=world.cast.cyd, request_id=request.id, comment_id=written.id)
        make_public(by=cat, request_id=request.id, comment_id=written.id)
        return_request(by=cat, request_id=request.id, reason=REASON)
        assert texts(request, world.cast.ada) == {"For checkers.", REASON}

    def test_observers_cannot_write_and_sides_write_for_whom_they_may(self, world: World) -> None:
        """OC13."""
        request = world.draft()
        User.update(roles=["DeploymentAdministrator"]).where(User.id == world.cast.dan.id).execute()
        dan = User.get_by_id(world.cast.dan.id)
        with pytest.raises(Denied):
            comment(by=dan, request_id=request.id, text="Hello.")
        with pytest.raises(Invalid):
            comment(by=world.cast.ada, request_id=request.id, text="Hello.", audience=PRIVATE)
        with pytest.raises(Invalid):
            comment(by=world.cast.cat, request_id=request.id, text="Hello.", audience=PRIVATE)
        comment(by=world.cast.cat, request_id=request.id, text="Hello.", audience=PUBLIC)
        with pytest.raises(Invalid):
            comment(by=world.cast.ben, request_id=request.id, text="x" * 5_001)

    def test_a_stranger_may_not_know_of_the_request(self, world: World) -> None:
        request = world.draft()
        for act in (overview, audit):
            with pytest.raises(NotFound):
                act(request.id, world.cast.dan)
        with pytest.raises(NotFound):
            comment(by=world.cast.dan, request_id=request.id, text="Hello.")
        with pytest.raises(NotFound):
            overview("0" * 26, world.cast.ada)


class TestReleasing:
    def test_an_approval_can_be_stopped_inside_its_window_and_given_again(self, world: World) -> None:
        """OC15, T11."""
        request = world.approved()
        with pytest.raises(Invalid, match="at least 20"):
            stop_release(by=world.cast.cat, request_id=request.id, reason="")
        stop_release(by=world.cast.cat, request_id=request.id, reason=REASON)
        assert (world.again(request).status, world.again(request).record) == ("REVIEWED", "")
        assert all(file.released_at is None for file in world.outputs(request))
        assert approve(by=world.cast.cat, request_id=request.id).status == "APPROVED"
        with (
            clock.at(clock.now() + timedelta(minutes=5)),
            pytest.raises(Denied, match="undo window has ended"),
        ):
            stop_release(by=world.cast.cat, request_id=request.id, reason=REASON)

    def test_a_damaged_copy_is_never_released(self, world: World) -> None:
        """OC10, OC35."""
        request = world.reviewed()
        copy = world.instance / "releases" / "copies" / world.file(request, A).sha256
        copy.chmod(0o600)
        copy.write_text(TABLE.replace("120", "121"))
        with pytest.raises(Conflict, match="not what it was"):
            approve(by=world.cast.cat, request_id=request.id)
        assert world.again(request).status == "REVIEWED"

    def test_a_stricter_policy_found_at_release_opens_the_votes_again(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """5.3, OC10, OC45: approvals were given under another policy."""
        request = world.reviewed()
        object.__setattr__(current(), "disclosure_threshold", 60)
        with pytest.raises(Conflict, match="checks found something new"):
            approve(by=world.cast.cat, request_id=request.id)
        assert set(votes(world, request, A).values()) == {UNDECIDED}
        head = overview(request.id, world.cast.cat).head
        assert head.status == "REVIEWED" and head.newest_policy_version > 1

    def test_checks_run_again_open_what_was_approved_without_them(self, world: World) -> None:
        """2.5, 5.2: an open request is checked again under a new version of the policy."""
        request = world.submitted()
        world.review(world.cast.cat, request)
        object.__setattr__(current(), "disclosure_threshold", 60)
        head = overview(request.id, world.cast.cyd).head
        assert (head.policy_version, head.newest_policy_version) == (1, 2)
        recheck(by=world.cast.cyd, request_id=request.id)
        assert votes(world, request, A) == {"cat": UNDECIDED} and votes(world, request, B) == {"cat": APPROVE}
        assert overview(request.id, world.cast.cyd).head.policy_version == 2

    def test_approval_checks_the_role_of_this_moment(self, world: World) -> None:
        """OC10, OC18."""
        request = world.reviewed()
        User.update(roles=[]).where(User.id == world.cast.cat.id).execute()
        with pytest.raises((Denied, NotFound)):
            approve(by=User.get_by_id(world.cast.cat.id), request_id=request.id)
        with pytest.raises(Denied):
            approve(by=world.cast.ada, request_id=request.id)

    def test_a_release_is_recalled_whole_or_in_part(self, world: World) -> None:
        """T13."""
        request = world.approved()
        ReleaseRequest.update(status="RELEASED", released_at=clock.now()).execute()
        reasons = {
            "public_reason": "The denominator was wrong.",
            "private_reason": "Found by the author in June.",
        }
        with pytest.raises(Invalid, match="Choose files"):
            recall(by=world.cast.cat, request_id=request.id, **reasons, paths=["output/none.csv"])
        record = world.again(request).record
        recall(by=world.cast.cat, request_id=request.id, **reasons, paths=[A])
        assert world.again(request).status == "RELEASED" and world.again(request).record != record
        recall(by=world.cast.sam, request_id=request.id, **reasons)
        assert world.again(request).status == "REVOKED"
        assert "Found by the author in June." not in texts(request, world.cast.ada)

    def test_an_operator_forces_an_end_in_a_persons_name(self, world: World) -> None:
        """OC48, T14."""
        request = world.approved()
        with pytest.raises(Invalid):
            force(by="system", request_id=request.id, actor=world.cast.sam, status="REJECTED", reason="")
        force(by="system", request_id=request.id, actor=world.cast.sam, status="REJECTED", reason=REASON)
        page = overview(request.id, world.cast.ada)
        assert (
            page.head.is_forced
            and page.head.status == "REJECTED"
            and REASON in texts(request, world.cast.ada)
        )
        assert page.activity[0].sentence == "rejected the request, forced by an operator"
        with pytest.raises(Denied, match="has ended"):
            force(by="system", request_id=request.id, actor=world.cast.sam, status="WITHDRAWN", reason=REASON)

    def test_a_request_survives_its_authors_leaving(self, world: World) -> None:
        """2.2: an operator gives it to a colleague, in the open."""
        request, ben = world.returned(), world.cast.ben
        act = {"by": "system", "request_id": request.id, "reason": REASON}
        for to, why in (
            (world.cast.dan, "does not work"),
            (world.cast.ada, "already"),
            (world.cast.cat, "does not work"),
        ):
            with pytest.raises(Denied, match=why):
                give(**act, to=to)
        give(**act, to=ben)
        page = overview(request.id, ben)
        assert page.head.is_author and page.head.is_forced and REASON in texts(request, ben)
        assert overview(request.id, world.cast.ada).head.why["submit"]
        withdraw(by=ben, request_id=request.id)

    def test_that_an_auditor_looks_is_recorded(self, world: World) -> None:
        """3, OC16."""
        request = world.draft()
        overview(request.id, world.cast.ben)
        assert Look.select().count() == 0
        overview(request.id, world.cast.sam)
        [look] = Look.select()
        assert (look.person.username, look.release_request) == ("sam", request.id)


class TestAgain:
    """Issue 6, item 8."""

    def test_a_request_is_made_again_with_what_has_changed(self, world: World) -> None:
        request = world.approved(supporting=(PLOT,))
        with pytest.raises(Denied, match="nothing to request|active request"):
            request_again(by=world.cast.ben, request_id=request.id)
        world.publish({A: TABLE.replace("120", "150")})
        found = {change.path: change.change for change in ahead(request.id, world.cast.ben)}
        assert found == {A: "changed", B: "same", PLOT: "same"}
        again = request_again(by=world.cast.ben, request_id=request.id)
        assert (again.status, again.repeats, again.author) == ("PENDING", request.id, world.cast.ben)
        assert {file.path: file.kind for file in again.files} == {A: OUTPUT, PLOT: SUPPORTING}
        [group] = again.groups
        assert (group.slug, group.context, group.columns["n"]) == ("tables", CONTEXT, "count")
        compared = {change.path: change.change for change in overview(again.id, world.cast.ben).changes}
        assert compared == {A: "changed", B: "gone", PLOT: "same"}
        submit(by=world.cast.ben, request_id=again.id, checklist=EVERYTHING)

    def test_it_is_not_made_beside_an_active_one(self, world: World) -> None:
        request = world.reviewed()
        reject(by=world.cast.cat, request_id=request.id, category="other", reason=REASON)
        world.draft(files=(PLOT,))
        with pytest.raises(Denied, match="active request"):
            request_again(by=world.cast.ada, request_id=request.id)


def test_nothing_that_somebody_said_can_be_deleted_or_rewritten(world: World) -> None:
    """OC4: the database itself refuses."""
    request = world.returned()
    for table in ("vote", "review", "comment", "request_file", "request_group", "release_request", "opened"):
        with pytest.raises(IntegrityError, match="kept for ever"):
            database.execute_sql(f"DELETE FROM {table}")  # noqa: S608
    for statement in (
        "UPDATE vote SET value = 'APPROVED'",
        "UPDATE comment SET text = ''",
        "UPDATE review SET checker = 'x'",
    ):
        with pytest.raises(IntegrityError, match="stays"):
            database.execute_sql(statement)
    assert world.again(request).status == "RETURNED"


def test_events_name_no_file_no_group_and_no_text(world: World) -> None:
    """OC42, 12: marked words in every field are in no event."""
    world.publish({"output/MARKFILE.csv": TABLE})
    request = add_files(by=world.cast.ada, workspace="asthma", backend="local", group="MARKGROUP",
                        files=[Wanted("output/MARKFILE.csv")])  # fmt: skip
    save_group(by=world.cast.ada, request_id=request.id, group="markgroup", name="MARKNAME", context="MARKTEXT " + CONTEXT,
               controls="MARKTEXT " + CONTROLS, columns={"region": "label", "n": "count"})  # fmt: skip
    comment(by=world.cast.ada, request_id=request.id, group="markgroup", text="MARKCOMMENT")
    submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
    confirm_nothing_marked()
    for checker in (world.cast.cat, world.cast.cyd):
        world.review(checker, request)
    reject(by=world.cast.cat, request_id=request.id, category="other", reason="MARKREASON is long enough.")
    confirm_nothing_marked()
    assert len(happened(request)) > 8 and verify()[1] is None


def confirm_nothing_marked() -> None:
    for event in Event.select().where(Event.type.startswith("release:")):
        assert "mark" not in (event.data + event.subject).casefold(), event.type


def test_pages_cost_few_queries_whatever_the_number_of_files(
    world: World, queries: Callable[[], Any]
) -> None:
    """OC37, 13: overview 12, group 10, file 12, queue 6."""
    world.publish(
        {f"output/t{number}.csv": TABLE.replace("120", str(5 * number + 50)) for number in range(30)}
    )
    request = world.returned(
        files=tuple(f"output/t{number}.csv" for number in range(30)), asks_for=("output/t3.csv",)
    )
    cat = User.get_by_id(world.cast.cat.id)
    for most, page in (
        (12, lambda: overview(request.id, cat)),
        (10, lambda: group_page(request.id, "tables", cat)),
        (12, lambda: file_page(request.id, "tables", "output/t3.csv", cat)),
        (6, lambda: queue(cat, "returned")),
    ):
        with queries() as seen:
            page()
        assert len(seen) <= most, "\n".join(seen)


def test_verbs_cost_few_queries_whatever_the_number_of_files(
    world: World, queries: Callable[[], Any]
) -> None:
    """13: vote, waive, comment 15; submit and release 40, their checks known."""
    world.publish(
        {f"output/t{number}.csv": TABLE.replace("120", str(5 * number + 50)) for number in range(24)}
    )
    for group in range(4):
        paths = tuple(f"output/t{6 * group + number}.csv" for number in range(6))
        request = world.draft(files=paths, group=f"group {group}")
    cat, acts = world.cast.cat, {"request_id": request.id}
    recheck(by=world.cast.ada, **acts)
    for most, act in (
        (40, lambda: submit(by=world.cast.ada, **acts, checklist=EVERYTHING)),
        (15, lambda: mark_opened(by=cat, **acts, path="output/t3.csv")),
        (15, lambda: vote(by=cat, **acts, path="output/t3.csv", value=APPROVE)),
        (15, lambda: comment(by=cat, **acts, path="output/t3.csv", text="Fine.")),
        (15, lambda: changes_all(by=cat, **acts, group="group-0")),
        (40, lambda: return_early(by=cat, **acts, reason=REASON)),
    ):
        with queries() as seen:
            act()
        assert len(seen) <= most, "\n".join(seen)
    submit(by=world.cast.ada, **acts, checklist=EVERYTHING)
    for checker in (world.cast.cat, world.cast.cyd):
        world.review(checker, request)
    with queries() as seen:
        approve(by=world.cast.cyd, **acts)
    assert len(seen) <= 40, "\n".join(map(str, seen))


def test_the_queue_shows_whose_turn_it_is_and_how_far(world: World) -> None:
    """OC41."""
    request = world.submitted()
    ballot(world, world.cast.cat, request, A, CHANGES)
    [row] = queue(world.cast.cat).rows
    assert (row.voted, row.outputs, row.is_my_turn, row.reviews_in, row.days_left) == (1, 2, True, 0, 5)
    assert queue(world.cast.ada).rows[0].is_my_turn is False and queue(world.cast.dan).rows == ()
    assert queue(world.cast.ada).counts == {"queue": 0, "mine": 1, "returned": 0, "uploading": 0, "done": 0}
    world.review(world.cast.cyd, request)
    assert queue(world.cast.cyd).rows[0].is_my_turn is False
    found = queue(world.cast.cat, "queue", {"workspace": "asthma", "q": "ada", "status": "ODD", "odd": "1"})
    assert found.total == 1 and set(found.ignored) == {"status", "odd"}
    assert queue(world.cast.cat, "queue", {"q": "nobody"}).total == 0


def test_who_submitted_a_review_is_not_told_before_its_time(world: World) -> None:
    """OC6: the step is told to all, the name to nobody."""
    request = world.submitted()
    world.review(world.cast.cat, request)
    for viewer in (world.cast.ada, world.cast.cyd):
        told = [one for one in overview(request.id, viewer).activity if one.type == "partially-reviewed"]
        assert [one.by.name for one in told] == ["A checker"]
        assert not any(
            one.type in ("voted", "opened", "commented") for one in overview(request.id, viewer).activity
        )
    own = overview(request.id, world.cast.cat).activity
    assert {"voted", "partially-reviewed"} <= {one.type for one in own if one.by.username == "cat"}


def test_files_of_a_request_are_where_nobody_else_looks(world: World) -> None:
    request = world.draft()
    folder = world.instance / "releases" / "copies"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} == {file.sha256 for file in RequestFile.select()}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    with pytest.raises(NotFound):
        open_copy(request.id, world.file(request, A).id, world.cast.dan)


def test_a_confirmed_finding_is_told_as_such(world: World) -> None:
    world.publish({A: SMALL})
    request, ada = world.draft(), world.cast.ada
    for rule in {one.rule for one in file_page(request.id, "tables", A, ada).findings}:
        explain(by=ada, request_id=request.id, path=A, text="These are regions and not people.", rule=rule)
    submit(by=ada, request_id=request.id, checklist=EVERYTHING)
    [first, *_] = file_page(request.id, "tables", A, world.cast.cat).findings
    confirm(by=world.cast.cat, request_id=request.id, path=A, fingerprint=first.fingerprint)
    shown = next(one for one in file_page(request.id, "tables", A, world.cast.cat).findings
                 if one.fingerprint == first.fingerprint)  # fmt: skip
    assert shown.is_confirmed and shown.is_mine and not shown.is_waived
