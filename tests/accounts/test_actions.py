"""What is done to people: one verb, one change, one event; a refusal changes nothing."""

import json
from types import SimpleNamespace

import pytest

from jobsite.accounts import actions, signing_in
from jobsite.accounts.models import Backend, Identity, Session, User
from jobsite.accounts.queries import user_named, user_or_stop, user_signing_in, users
from jobsite.core.errors import Conflict, Denied, Invalid, NotFound
from jobsite.core.events import Event, verify

pytestmark = pytest.mark.usefixtures("instance")


def _events() -> list[tuple[str, str, str, dict[str, object]]]:
    return [
        (event.type, event.by, event.subject, json.loads(event.data))
        for event in Event.select().order_by(Event.id)
    ]


def test_a_user_is_added_with_a_confirmed_address_in_lower_case() -> None:
    ada = actions.add_user(
        by="system", username=" Ada ", fullname=" Ada A ", email="Ada@Example.ORG", roles=["TechSupport"]
    )
    assert (ada.username, ada.fullname, ada.email, ada.roles) == (
        "Ada",
        "Ada A",
        "ada@example.org",
        ["TechSupport"],
    )
    assert ada.email_confirmed_at is not None
    assert ada.display_name == "Ada A (Ada)"
    assert _events() == [("user:added", "system", "user:Ada", {"roles": ["TechSupport"]})]


def test_users_without_an_address_do_not_collide() -> None:
    for name in ("ada", "bot"):
        assert actions.add_user(by="system", username=name, fullname=name).email is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": "ADA"}, "username"),
        ({"username": ""}, "username"),
        ({"email": "ADA@example.org"}, "email"),
        ({"email": "nobody"}, "email"),
        ({"fullname": " "}, "fullname"),
        ({"roles": ["OutputChecker", "ProjectDeveloper"]}, "roles"),
        ({"roles": ["Boss"]}, "roles"),
    ],
)
def test_what_cannot_be_added_names_its_field_and_changes_nothing(
    cast: SimpleNamespace, change: dict[str, object], field: str
) -> None:
    before = (len(users()), len(_events()))
    wish = {"username": "eve", "fullname": "Eve", "email": "", "roles": []} | change
    with pytest.raises(Invalid) as refusal:
        actions.add_user(by="system", **wish)
    assert list(refusal.value.fields) == [field]
    assert (len(users()), len(_events())) == before


def test_only_staff_manage_people(cast: SimpleNamespace) -> None:
    wishes = (
        lambda by: actions.add_user(by=by, username="eve", fullname="Eve"),
        lambda by: actions.set_roles(by=by, user=cast.dan, roles=["OutputChecker"]),
        lambda by: actions.edit_user(by=by, user=cast.ben, fullname="Benny", email=""),
        lambda by: actions.deactivate(by=by, user=cast.ben),
        lambda by: actions.reactivate(by=by, user=cast.ben),
    )
    for wish in wishes:
        for person in (cast.ada, cast.cat, cast.pat, cast.dan):
            with pytest.raises(Denied, match="Staff Area Administrator"):
                wish(person)
        wish(cast.sam)
    assert [event[1] for event in _events()[-5:]] == ["sam"] * 5


def test_roles_are_replaced_and_both_states_are_recorded(cast: SimpleNamespace) -> None:
    changed = actions.set_roles(by=cast.sam, user=cast.cat, roles=["OutputPublisher", "OutputPublisher"])
    assert changed.roles == user_or_stop("cat").roles == ["OutputPublisher"]
    assert changed.permissions == {"snapshot_publish"}
    assert _events()[-1] == (
        "user:roles",
        "sam",
        "user:cat",
        {"before": ["OutputChecker"], "after": ["OutputPublisher"]},
    )


def test_a_role_that_no_longer_exists_grants_nothing(cast: SimpleNamespace) -> None:
    User.update(roles=["OutputChecker", "Gone"]).where(User.id == cast.dan.id).execute()
    assert "release_file_upload" in user_or_stop("dan").permissions


def test_an_address_one_gives_oneself_waits_for_its_link(cast: SimpleNamespace) -> None:
    ada = actions.edit_user(by=cast.ada, user=cast.ada, fullname="Ada B", email="New@example.org")
    assert (ada.fullname, ada.email, ada.new_email) == ("Ada B", "ada@example.org", "new@example.org")
    assert user_signing_in("new@example.org") is None
    assert [event[:3] for event in _events()[-2:]] == [
        ("user:email-asked", "ada", "user:ada"),
        ("user:edited", "ada", "user:ada"),
    ]
    assert _events()[-1][3] == {"changed": ["fullname"]}


def test_what_stays_as_it_is_leaves_no_event(cast: SimpleNamespace) -> None:
    before = len(_events())
    actions.edit_user(by=cast.ada, user=cast.ada, fullname=" Ada Adewale ", email="ADA@example.org")
    assert len(_events()) == before


def test_a_bot_has_no_login(cast: SimpleNamespace) -> None:
    bot = actions.add_user(by="system", username="ci", fullname="Continuous integration", bot=True)
    assert _events()[-1] == ("user:added", "system", "user:ci", {"roles": [], "bot": True})
    with pytest.raises(Denied, match="is a bot"):
        signing_in.make_token(by="system", user=bot)


def test_an_address_that_stays_stays_confirmed_and_one_from_staff_is(cast: SimpleNamespace) -> None:
    ada = actions.edit_user(by=cast.ada, user=cast.ada, fullname="Ada B", email="ADA@example.org")
    assert ada.email_confirmed_at is not None
    assert (
        actions.edit_user(by=cast.sam, user=ada, fullname="Ada", email="b@example.org").email_confirmed_at
        is not None
    )
    assert user_signing_in("B@Example.org") == ada


def test_two_people_never_share_an_address(cast: SimpleNamespace) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.edit_user(by=cast.ada, user=cast.ada, fullname="Ada", email="BEN@example.org")
    assert refusal.value.fields == {"email": "This e-mail address belongs to another user."}
    assert user_or_stop("ada").email == "ada@example.org"


def test_deactivation_ends_sessions_and_tokens_and_can_be_undone(cast: SimpleNamespace) -> None:
    signing_in.make_token(by=cast.ada, user=cast.ada)
    actions.deactivate(by=cast.sam, user=cast.ada)
    gone = user_or_stop("ada")
    assert (gone.is_active, gone.login_token_hash, gone.login_token_expires_at) == (False, None, None)
    with pytest.raises(Conflict):
        actions.deactivate(by=cast.sam, user=cast.ada)
    with pytest.raises(Denied, match="deactivated"):
        signing_in.make_token(by="system", user=gone)
    actions.reactivate(by=cast.sam, user=gone)
    assert user_or_stop("ada").is_active


def test_nobody_shuts_themselves_out(cast: SimpleNamespace) -> None:
    with pytest.raises(Denied, match="yourself"):
        actions.deactivate(by=cast.sam, user=cast.sam)
    assert user_or_stop("sam").is_active


def test_people_are_found_and_listed_ignoring_case(cast: SimpleNamespace) -> None:
    actions.add_user(by="system", username="Zed", fullname="aaron zed")
    assert user_named("zED").username == "Zed"
    assert user_named("nobody") is None
    assert [person.username for person in users()][:2] == ["Zed", "ada"]
    with pytest.raises(NotFound, match="There is no user nobody"):
        user_or_stop("nobody")


def test_the_event_chain_holds_after_all_of_this(cast: SimpleNamespace) -> None:
    actions.set_roles(by=cast.sam, user=cast.dan, roles=[])
    assert verify() == (len(_events()), None)


def test_a_new_instance_has_no_account() -> None:
    assert [model.select().count() for model in (User, Backend, Identity, Session)] == [0, 0, 0, 0]
