"""At the release only the reviews of those count who may still review the request; an early return works anyway (OC10, OC11)."""

from collections.abc import Callable

import pytest

from jobsite.accounts.models import User
from jobsite.core.db import writing
from jobsite.core.errors import Denied
from jobsite.projects.actions import add_member
from jobsite.releases.requests.queries import overview
from jobsite.releases.requests.releasing import approve
from jobsite.releases.requests.steps import return_early
from jobsite.releases.requests.voting import overrule, vote

from .world import REASON, World

A = "output/a.csv"
LAPSED = (
    "1 review may not count any more, because who gave it may not review this request now: 1 more needed."
)


def loses_the_role(world: World) -> None:
    User.update(roles=[]).where(User.id == world.cast.cat.id).execute()


def is_deactivated(world: World) -> None:
    User.update(is_active=False).where(User.id == world.cast.cat.id).execute()


def joins_the_project(world: World) -> None:
    with writing():
        add_member(by="system", project=world.project, user=world.cast.cat, roles=["ProjectDeveloper"])


@pytest.mark.parametrize("lapses", [loses_the_role, is_deactivated, joins_the_project])
def test_a_review_of_who_may_not_review_any_more_does_not_count_at_the_release(
    world: World, lapses: Callable[[World], None]
) -> None:
    request, cyd = world.reviewed(), world.cast.cyd
    lapses(world)
    with pytest.raises(Denied, match="1 more needed"):
        approve(by=cyd, request_id=request.id)
    [missing] = overview(request.id, cyd).in_the_way["approve"]
    assert missing.sentence == LAPSED
    lapsed = {
        name: overview(request.id, getattr(world.cast, name)).head.reviews_lapsed for name in ("cyd", "ada")
    }
    assert lapsed == {"cyd": 1, "ada": 0}
    world.review(world.cast.eve, request)
    assert overview(request.id, cyd).in_the_way["approve"] == ()
    assert approve(by=cyd, request_id=request.id).status == "APPROVED"


def test_who_has_the_role_again_counts_again(world: World) -> None:
    request = world.reviewed()
    loses_the_role(world)
    User.update(roles=["OutputChecker"]).where(User.id == world.cast.cat.id).execute()
    assert approve(by=world.cast.cyd, request_id=request.id).status == "APPROVED"


def test_an_approval_does_not_outlive_the_role_where_others_disagree(world: World) -> None:
    """Two of three approve, the third is overruled by one of them: without the other one there is one approval left."""
    request = world.reviewed()
    world.review(world.cast.eve, request, asks_for=[A])
    said = {"request_id": request.id, "path": A}
    overrule(by=world.cast.cyd, **said, objector="eve", reason=REASON)
    loses_the_role(world)
    with pytest.raises(Denied, match="does not have enough approvals"):
        approve(by=world.cast.cyd, request_id=request.id)
    vote(by=world.cast.eve, **said, value="APPROVED")
    assert approve(by=world.cast.eve, request_id=request.id).status == "APPROVED"


def test_an_objection_stays_whatever_becomes_of_who_made_it(world: World) -> None:
    request = world.submitted()
    world.review(world.cast.cat, request, asks_for=[A])
    for checker in (world.cast.cyd, world.cast.eve):
        world.review(checker, request)
    loses_the_role(world)
    with pytest.raises(Denied, match="Checkers disagree here"):
        approve(by=world.cast.cyd, request_id=request.id)


def test_an_early_return_works_whatever_became_of_the_reviewer(world: World) -> None:
    """OC11."""
    request = world.submitted()
    world.review(world.cast.cat, request)
    loses_the_role(world)
    assert return_early(by=world.cast.cyd, request_id=request.id, reason=REASON).status == "RETURNED"
