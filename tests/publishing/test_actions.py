"""Drafts, publications and what publishers decide: one verb, one change, one event; a refusal changes nothing."""

import os
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from jobsite.core.db import close_connections, close_database
from jobsite.core.errors import Conflict, Denied, Invalid, NotFound, Refused
from jobsite.core.events import Event
from jobsite.projects.models import Workspace
from jobsite.publishing import actions, queries, rules
from jobsite.publishing.models import PublishRequest, Snapshot, SnapshotFile
from jobsite.releases.actions import delete_file
from tests.publishing.conftest import Release

FILES = {"output/a.csv": b"n\n10\n", "output/b.csv": b"n\n20\n"}
REASON = "The title says too much."


@pytest.fixture
def draft(cast: SimpleNamespace, workspace: Workspace, release: Release) -> Snapshot:
    """A draft of ada's with two files."""
    ids = [file.id for file in release(FILES).values()]
    return actions.draft(by=cast.ada, workspace=workspace, file_ids=ids, title="Asthma in England")


def decision(snapshot: Snapshot) -> str:
    newest = actions.newest_request(snapshot)
    assert newest is not None
    return newest.decision


def is_public(workspace: Workspace, snapshot: Snapshot) -> bool:
    return snapshot.id in {row.snapshot.id for row in queries.of_workspace(workspace, all_of_them=False)}


def test_a_draft_waits_for_a_publisher_and_is_not_public(
    workspace: Workspace, draft: Snapshot, happened: Callable[[], list[str]]
) -> None:
    assert (decision(draft), is_public(workspace, draft)) == (rules.PENDING, False)
    assert [row.snapshot.id for row in queries.waiting()] == [draft.id]
    assert [(row.files, row.title) for row in queries.waiting()] == [(2, "Asthma in England")]
    assert happened() == ["publication:drafted"]
    with pytest.raises(NotFound):
        queries.publication(workspace, draft.id, frozenset())


def test_publishing_opens_it_and_withdrawing_closes_it_again(
    workspace: Workspace, draft: Snapshot, cast: SimpleNamespace, happened: Callable[[], list[str]]
) -> None:
    actions.publish(by=cast.pat, snapshot=draft)
    seen = queries.publication(workspace, draft.id, frozenset())
    assert (seen.is_published, [file.name for file in seen.files]) == (True, sorted(FILES))
    assert queries.published_file(workspace, seen.files[0].id).name == "output/a.csv"
    actions.withdraw(by=cast.pat, snapshot=draft, reason=REASON)
    assert not is_public(workspace, draft)
    with pytest.raises(NotFound):
        queries.published_file(workspace, seen.files[0].id)
    with pytest.raises(NotFound):
        queries.publication(workspace, draft.id, frozenset({rules.PUBLISH}))
    inside = queries.publication(workspace, draft.id, frozenset({rules.SEE}))
    assert [one.decision for one in (*inside.history, inside.request)] == [rules.APPROVED, rules.REJECTED]
    assert inside.request.reason == REASON
    assert happened() == ["publication:drafted", "publication:published", "publication:withdrawn"]


def test_publishing_twice_changes_nothing(
    draft: Snapshot, cast: SimpleNamespace, happened: Callable[[], list[str]]
) -> None:
    actions.publish(by=cast.pat, snapshot=draft)
    before = list(PublishRequest.select().dicts())
    actions.publish(by=cast.pat, snapshot=draft)
    assert list(PublishRequest.select().dicts()) == before
    assert happened().count("publication:published") == 1


def test_the_same_files_are_the_same_draft_whatever_their_order(
    workspace: Workspace, draft: Snapshot, cast: SimpleNamespace
) -> None:
    ids = [entry.file_id for entry in SnapshotFile.select().order_by(SnapshotFile.id.desc())]
    again = actions.draft(by=cast.ada, workspace=workspace, file_ids=[*ids, ids[0]])
    assert (again.id, PublishRequest.select().count()) == (draft.id, 1)
    actions.publish(by=cast.pat, snapshot=draft)
    actions.draft(by=cast.ada, workspace=workspace, file_ids=ids)
    assert (decision(draft), PublishRequest.select().count()) == (rules.APPROVED, 1)


def test_a_rejected_draft_can_be_asked_for_again_with_other_words(
    workspace: Workspace, draft: Snapshot, cast: SimpleNamespace
) -> None:
    actions.reject(by=cast.pat, snapshot=draft, reason=REASON)
    assert queries.waiting() == []
    ids = [entry.file_id for entry in SnapshotFile.select()]
    with pytest.raises(Denied, match="can ask again"):
        actions.publish(by=cast.pat, snapshot=draft)
    actions.draft(by=cast.ada, workspace=workspace, file_ids=ids, title="Asthma, plainly")
    assert [row.title for row in queries.waiting()] == ["Asthma, plainly"]


def test_a_draft_can_be_described_until_it_is_published(
    workspace: Workspace, draft: Snapshot, cast: SimpleNamespace
) -> None:
    actions.describe(by=cast.ada, snapshot=draft, title="Air", summary="What **we** found.")
    assert queries.publication(workspace, draft.id, {rules.SEE}).snapshot.summary == "What **we** found."
    actions.publish(by=cast.pat, snapshot=draft)
    with pytest.raises(Denied, match="ask a publisher to withdraw it"):
        actions.describe(by=cast.ada, snapshot=draft, title="Other", summary="")
    assert Snapshot.get_by_id(draft.id).title == "Air"


def test_a_deleted_file_leaves_what_is_published_at_once_and_stays_out_of_new_drafts(
    workspace: Workspace, draft: Snapshot, cast: SimpleNamespace
) -> None:
    actions.publish(by=cast.pat, snapshot=draft)
    first, second = queries.publication(workspace, draft.id, frozenset()).files
    delete_file(
        by=cast.cat, release_id=first.release_id, file_id=first.id, reason="A small count was left in."
    )
    with pytest.raises(NotFound):
        queries.published_file(workspace, first.id)
    seen = queries.publication(workspace, draft.id, frozenset())
    assert [(file.name, file.is_here) for file in seen.files] == [(first.name, False), (second.name, True)]
    fresh = actions.draft(by=cast.ada, workspace=workspace, file_ids=[first.id, second.id])
    assert [file.id for file in queries.publication(workspace, fresh.id, {rules.SEE}).files] == [second.id]
    delete_file(
        by=cast.cat, release_id=second.release_id, file_id=second.id, reason="So was another count in it."
    )
    with pytest.raises(Denied, match="nothing to publish"):
        actions.publish(by=cast.pat, snapshot=fresh)
    with pytest.raises(Invalid, match="at least one file"):
        actions.draft(by=cast.ada, workspace=workspace, file_ids=[second.id])


def test_files_of_other_workspaces_and_unknown_ones_are_named(
    workspace: Workspace, draft: Snapshot, cast: SimpleNamespace
) -> None:
    other = Workspace.create(
        name="other",
        project=workspace.project,
        repo=workspace.repo,
        branch="main",
        created_by="ada",
        updated_by="ada",
    )
    theirs = SnapshotFile.select().first().file_id
    with pytest.raises(Invalid, match=f"Unknown file IDs: {theirs}"):
        actions.draft(by=cast.ada, workspace=other, file_ids=[theirs])
    with pytest.raises(Invalid, match="Unknown file IDs: nonsense"):
        actions.draft(by=cast.ada, workspace=workspace, file_ids=["nonsense"])
    assert Snapshot.select().count() == 1


@pytest.mark.parametrize(
    ("verb", "may"),
    [
        ("draft", {"ada"}),
        ("describe", {"ada"}),
        ("publish", {"pat"}),
        ("reject", {"pat"}),
        ("withdraw", {"pat"}),
    ],
)
def test_each_verb_is_for_its_role_alone(
    workspace: Workspace, draft: Snapshot, cast: SimpleNamespace, verb: str, may: set[str]
) -> None:
    if verb == "withdraw":
        actions.publish(by=cast.pat, snapshot=draft)
    ids = [entry.file_id for entry in SnapshotFile.select()]
    given: dict[str, dict[str, object]] = {
        "draft": {"workspace": workspace, "file_ids": ids},
        "describe": {"snapshot": draft, "title": "x", "summary": ""},
        "publish": {"snapshot": draft},
        "reject": {"snapshot": draft, "reason": REASON},
        "withdraw": {"snapshot": draft, "reason": REASON},
    }
    before = Event.select().count()
    for name in sorted({"ada", "ben", "cat", "pat", "sam", "dan"} - may):
        with pytest.raises(Denied, match=r"^Only|published"):
            getattr(actions, verb)(by=getattr(cast, name), **given[verb])
    assert Event.select().count() == before
    for name in may:
        getattr(actions, verb)(by=getattr(cast, name), **given[verb])


@pytest.mark.parametrize("reason", ["", "  no ", "x" * 2001], ids=["none", "short", "long"])
def test_a_decision_against_needs_a_reason(draft: Snapshot, cast: SimpleNamespace, reason: str) -> None:
    for verb in (actions.reject, actions.withdraw):
        with pytest.raises(Invalid) as refused:
            verb(by=cast.pat, snapshot=draft, reason=reason)
        assert list(refused.value.fields) == ["reason"]
    assert decision(draft) == rules.PENDING


def test_of_two_publishers_at_once_one_decides(draft: Snapshot, cast: SimpleNamespace) -> None:
    start, failures = threading.Barrier(8), []

    def decide(number: int) -> None:
        start.wait()
        try:
            if number % 2:
                actions.publish(by=cast.pat, snapshot=draft)
            else:
                actions.reject(by=cast.pat, snapshot=draft, reason=REASON)
        except Refused as refused:
            failures.append(type(refused))
        finally:
            close_database()

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    decided = PublishRequest.select().where(PublishRequest.decision != rules.PENDING)
    assert decided.count() == PublishRequest.select().count() == 1
    expected = {Conflict} if decided.get().decision == rules.APPROVED else {Conflict, Denied}
    assert set(failures) <= expected
    assert len(failures) >= 3


def test_an_archived_workspace_gets_no_drafts(
    workspace: Workspace, cast: SimpleNamespace, release: Release
) -> None:
    (file,) = release({"output/a.csv": b"n\n10\n"}).values()
    workspace.is_archived = True
    with pytest.raises(Denied, match="archived"):
        actions.draft(by=cast.ada, workspace=workspace, file_ids=[file.id])


@pytest.mark.parametrize(
    ("verb", "point", "before"),
    [
        ("draft", "publishing.drafted", None),
        ("publish", "publishing.decided", rules.PENDING),
        ("reject", "publishing.decided", rules.PENDING),
        ("withdraw", "publishing.decided", rules.APPROVED),
    ],
)
def test_a_kill_leaves_nothing_half_done_and_the_verb_works_afterwards(
    workspace: Workspace, cast: SimpleNamespace, release: Release, verb: str, point: str, before: str | None
) -> None:
    ids = [file.id for file in release(FILES).values()]

    def act() -> None:
        if verb == "draft":
            actions.draft(by=cast.ada, workspace=workspace, file_ids=ids)
        else:
            reason = {} if verb == "publish" else {"reason": REASON}
            getattr(actions, verb)(by=cast.pat, snapshot=Snapshot.get(), **reason)

    if before is not None:
        snapshot = actions.draft(by=cast.ada, workspace=workspace, file_ids=ids)
        if before == rules.APPROVED:
            actions.publish(by=cast.pat, snapshot=snapshot)
    rows, events = list(PublishRequest.select().dicts()), Event.select().count()
    assert killed_at(point, act) == 137
    assert list(PublishRequest.select().dicts()) == rows
    assert (Snapshot.select().count(), Event.select().count()) == (bool(rows), events)
    act()
    assert Event.select().count() == events + 1


def killed_at(point: str, act: Callable[[], None]) -> int:
    """Does it in a process that dies at that point; gives how the process ended."""
    close_connections()
    child = os.fork()
    if not child:
        os.environ["JOBSITE_FAIL_AT"] = point
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
