"""The real public side as a process of its own: people log in here by its word, and what is approved here is released there."""

# ruff: noqa: F811 - fixtures of the tests of releases, asked for by name

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsite.accounts.backends import rotate_token
from jobsite.accounts.models import Backend, Session
from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.signing_in import LoginFailed, make_token
from jobsite.core import clock
from jobsite.core.limits import Limits
from jobsite.instance import close_instance, open_instance
from jobsite.releases.requests.releasing import recall
from jobsite.releases.requests.upload_progress import progress
from jobsite.releases.requests.uploading import continue_upload, run_due
from jobsite.settings import Settings
from jobsite.sync.events import read_steps, send_due
from jobsite.sync.link import link
from jobsite.sync.link_models import ReleaseMessage
from jobsite.sync.people import confirm, sign_in
from jobsite.sync.uploads import send

from ..databases import everything, put, tuples
from ..releases.conftest import KEPT, first_world, world  # noqa: F401
from ..releases.world import CONTEXT, CONTROLS, REASON, TABLE, World
from ..servers import Server, jobsite


class Public:
    """The public side: the same people, project and workspace; cat has a single-use token there."""

    def __init__(self, folder: Path, made: Path) -> None:
        self.instance = folder / "public"
        self.instance.mkdir()
        settings = Settings(instance=self.instance, side="public")
        put(made / KEPT, settings)
        open_instance(settings)
        self.words = make_token(by="system", user=user_or_stop("cat"))
        self.token = rotate_token(by="system", backend=Backend.get(slug="local"))
        close_instance()
        self.server = Server(self.instance, JOBSITE_SIDE="public")

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """What a statement gives there."""
        return tuples(self.instance, statement, values)

    def user(self, *words: str) -> None:
        """A command about a person there."""
        done = jobsite(self.instance, "user", *words, JOBSITE_SIDE="public")
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def public(first_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    found = Public(tmp_path_factory.mktemp("sides"), first_world)
    with found.server:
        yield found


@pytest.fixture
def settings(tmp_path: Path, public: Public) -> Settings:
    return Settings(
        instance=tmp_path / "instance",
        side="secure",
        public_url=public.server.address,
        backend_token=public.token,
    )


def log_in(words: str) -> None:
    person, _ = sign_in(user="Cat", token=words, address="10.0.0.1", limits=Limits())
    assert person.username == "cat"


def released(world: World, **draft: Any) -> Any:
    """A request approved by cyd, the undo window over, after what can be sent was sent."""
    request = world.approved(**draft)
    with clock.at(request.undo_until + timedelta(seconds=1)):
        run_due(send)
        read_steps()
        send_due()
    return world.again(request)


def test_people_come_in_and_go_out_by_the_word_of_the_public_side(world: World, public: Public) -> None:
    with pytest.raises(LoginFailed):
        log_in("entirely wrong words")
    log_in(public.words.upper())
    with pytest.raises(LoginFailed):
        log_in(public.words)
    cat = user_or_stop("cat")
    assert (cat.roles, cat.fullname, Session.select().count()) == (["OutputChecker"], "Cat Castell", 1)
    ada = confirm(user_or_stop("ada"))
    assert [row.roles for row in ada.project_memberships] == [["ProjectDeveloper"]]
    public.user("roles", "cat", "--role", "OutputPublisher")
    assert confirm(cat, exactly=False).roles == [] and confirm(cat).roles == ["OutputPublisher"]
    public.user("deactivate", "cat")
    assert confirm(cat) is None
    assert Session.select().where(Session.ended_at.is_null()).count() == 0
    assert sorted(confirm(world.cast.sam).roles) == sorted(world.cast.sam.roles)


def test_what_was_approved_is_released_there_told_there_and_recalled_there(
    world: World, public: Public
) -> None:
    request = released(world, supporting=("output/plot.csv",))
    assert (request.status, progress(request).last_error) == ("RELEASED", "")
    files = public.rows("SELECT name, sha256, size FROM release_file WHERE release_id = ?", request.id)
    assert len(files) == 4 and ("output/a.csv", len(TABLE)) in {(name, size) for name, _, size in files}
    kept = {path.name for path in (public.instance / "releases" / "files").rglob("*") if path.is_file()}
    assert {sha256 for _, sha256, _ in files} <= kept
    assert link().waits == "Nothing waits for it."
    assert not ReleaseMessage.select().where(ReleaseMessage.is_refused).exists()
    assert public.rows("SELECT count(*) FROM checkpoint") == [(1,)]
    assert [row.last_error for row in ReleaseMessage.select() if row.request_id] == [""] * 5
    told = public.rows("SELECT data FROM event WHERE type = 'release-request:told' ORDER BY id")
    assert len(told) == 5 and {json.loads(data)["workspace"] for (data,) in told} == {"asthma"}

    recall(by=world.cast.eve, request_id=request.id, public_reason=REASON, private_reason=CONTEXT)
    assert run_due(send) is None
    left = {path.name for path in (public.instance / "releases" / "files").rglob("*") if path.is_file()}
    assert not left & {sha256 for name, sha256, _ in files if name.startswith("output/")}
    files_there = b"".join(path.read_bytes() for path in public.instance.rglob("*") if path.is_file())
    there = files_there + everything(public.instance)
    for private in (CONTEXT, CONTROLS, "plot.csv", TABLE):
        assert private.encode() not in there


def test_a_releaser_who_lost_the_role_there_is_stopped_there_and_another_checker_goes_on(
    world: World, public: Public
) -> None:
    public.user("roles", "cyd")
    request = released(world, files=("output/plot.csv",))
    assert progress(request).is_stuck and "Another checker" in progress(request).last_error
    with clock.at(request.undo_until + timedelta(seconds=1)):
        continue_upload(by=world.cast.eve, request_id=request.id)
        run_due(send)
    assert world.again(request).status == "RELEASED"
    by = public.rows("SELECT created_by FROM release WHERE id = ?", request.id)
    assert by == [("eve",)]
