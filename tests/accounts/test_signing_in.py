"""Single-use tokens and sessions: every line of the specification's sections 5.2 and 5.3."""

import hashlib
import importlib.resources
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from jobsite.accounts import actions, sessions, signing_in
from jobsite.accounts.backends import add_backend, add_backend_member, remove_backend_member
from jobsite.accounts.models import Backend, Identity, Session, User
from jobsite.accounts.queries import backends_of, user_or_stop
from jobsite.accounts.sessions import person_of
from jobsite.accounts.signing_in import FAILED, LoginFailed, authenticate, make_token, sign_in
from jobsite.core import clock
from jobsite.core.db import close_database, database, writing
from jobsite.core.errors import Conflict, Denied
from jobsite.core.events import Event
from jobsite.core.limits import Limits, TooMany
from jobsite.settings import Settings, use

MONDAY = datetime(2026, 3, 2, 9)
pytestmark = pytest.mark.usefixtures("instance")


def _use(
    user: str, token: str, address: str = "203.0.113.9", limits: Limits | None = None
) -> tuple[User, str]:
    return sign_in(user=user, token=token, address=address, limits=limits or Limits())


def _sessions(person: User) -> int:
    return Session.select().where(Session.user == person, Session.ended_at.is_null()).count()


# What a token looks like and how it is kept


def test_a_token_is_three_words_of_the_eff_long_list(cast: SimpleNamespace) -> None:
    text = importlib.resources.files("xkcdpass").joinpath("static/eff-long").read_text()
    listed = set(text.split())
    assert len(listed) == 7776
    assert {"abacus", "zoom", "yo-yo", "drop-down", "felt-tip", "t-shirt"} <= listed
    assert hashlib.sha256(text.encode()).hexdigest().startswith("6d557f0693958fb5")
    for _ in range(20):
        token = make_token(by=cast.ada, user=cast.ada)
        assert re.fullmatch(r"[a-z-]+ [a-z-]+ [a-z-]+", token)
        assert set(token.split(" ")) <= listed
        assert all(5 <= len(word.replace("-", "")) <= 9 for word in token.split())


def test_there_are_about_7200_words_to_draw_from() -> None:
    assert len(set(signing_in.words())) == len(signing_in.words()) == 7226


def test_only_an_argon2id_hash_of_the_words_without_spaces_is_kept(cast: SimpleNamespace) -> None:
    token = make_token(by=cast.ada, user=cast.ada)
    stored = user_or_stop("ada").login_token_hash
    assert extract_parameters(stored).type is Type.ID
    assert signing_in.hasher.verify(stored, token.replace(" ", "").replace("-", ""))
    everything = "".join(str(row) for row in database.execute_sql("SELECT * FROM user").fetchall())
    everything += "".join(event.data for event in Event.select())
    assert not any(word in everything for word in token.split())


def test_the_cost_of_a_guess_is_what_rfc_9106_recommends() -> None:
    cost = extract_parameters(PasswordHasher().hash("x"))
    assert (cost.type, cost.memory_cost, cost.time_cost) == (Type.ID, 65536, 3)


def test_no_hash_is_made_inside_a_transaction(cast: SimpleNamespace) -> None:
    inside = []

    class Noting(PasswordHasher):
        def hash(self, *args: object, **kwargs: object) -> str:
            inside.append(database.in_transaction())
            return super().hash(*args, **kwargs)

    usual, signing_in.hasher = signing_in.hasher, Noting(time_cost=1, memory_cost=8, parallelism=1)
    try:
        make_token(by=cast.ada, user=cast.ada)
        with pytest.raises(LoginFailed):
            _use("nobody", "a b c")
    finally:
        signing_in.hasher = usual
    assert inside == [False, False]


# Using it


@pytest.mark.parametrize("name", ["ada", "ADA", " ada ", "ada@example.org", "Ada@Example.ORG"])
def test_the_person_is_named_by_username_or_confirmed_address_ignoring_case(
    cast: SimpleNamespace, name: str
) -> None:
    token = make_token(by=cast.ada, user=cast.ada)
    person, _ = _use(name, token)
    assert person == cast.ada


def _typed(cast: SimpleNamespace, how: str) -> str:
    """Use the token `drop-down yo-yo abacus`, which no random draw would give reliably."""
    known = signing_in.hasher.hash("dropdownyoyoabacus")
    User.update(login_token_hash=known, login_token_expires_at=clock.now() + timedelta(minutes=1)).where(
        User.id == cast.ada.id
    ).execute()
    return _use("ada", how)[0].username


@pytest.mark.parametrize(
    "typed",
    [
        "drop-down yo-yo abacus",
        "dropdown yoyo abacus",
        "DROP-DOWN  Yo-Yo\tAbacus",
        " dropdown-yoyo-abacus\n",
        "d r o p down yoyoaba cus",
        "dropdown\u00a0yoyo\u2003abacus",
    ],
)
def test_white_space_capitals_and_hyphens_make_no_difference(cast: SimpleNamespace, typed: str) -> None:
    assert _typed(cast, typed) == "ada"


@pytest.mark.parametrize(
    "typed", ["", " ", "abacus yo-yo drop-down", "drop-down yo-yo", "drop-down yo-yo abacus x", "\x00"]
)
def test_anything_else_fails_with_the_one_sentence(cast: SimpleNamespace, typed: str) -> None:
    with pytest.raises(LoginFailed) as refusal:
        _typed(cast, typed)
    assert (
        str(refusal.value)
        == FAILED
        == "Login failed. The user or token may be incorrect, or the token may have expired."
    )


def test_a_wrong_token_does_not_consume_the_right_one(cast: SimpleNamespace) -> None:
    token = make_token(by=cast.ada, user=cast.ada)
    with pytest.raises(LoginFailed):
        _use("ada", "not these words")
    assert _use("ada", token)[0] == cast.ada


def test_a_token_works_once_and_leaves_no_hash(cast: SimpleNamespace) -> None:
    token = make_token(by=cast.ada, user=cast.ada)
    _use("ada", token)
    ada = user_or_stop("ada")
    assert (ada.login_token_hash, ada.login_token_expires_at) == (None, None)
    assert ada.last_login is not None
    with pytest.raises(LoginFailed):
        _use("ada", token)
    assert _sessions(ada) == 1


def test_a_new_token_replaces_the_old_one(cast: SimpleNamespace) -> None:
    old = make_token(by=cast.ada, user=cast.ada)
    new = make_token(by=cast.ada, user=cast.ada)
    with pytest.raises(LoginFailed):
        _use("ada", old)
    assert _use("ada", new)[0] == cast.ada


def test_a_token_is_good_for_an_hour(cast: SimpleNamespace) -> None:
    with clock.at(MONDAY):
        token = make_token(by=cast.ada, user=cast.ada)
    with clock.at(MONDAY + timedelta(hours=1)), pytest.raises(LoginFailed):
        _use("ada", token)
    with clock.at(MONDAY + timedelta(minutes=59, seconds=59)):
        assert _use("ada", token)[0] == cast.ada


def test_somebody_elses_token_is_wrong(cast: SimpleNamespace) -> None:
    token = make_token(by=cast.ada, user=cast.ada)
    with pytest.raises(LoginFailed):
        _use("ben", token)
    with pytest.raises(LoginFailed):
        _use("nobody", token)


def test_a_person_deactivated_after_the_token_was_made_does_not_get_in(cast: SimpleNamespace) -> None:
    token = make_token(by=cast.ada, user=cast.ada)
    User.update(is_active=False).where(User.id == cast.ada.id).execute()
    with pytest.raises(LoginFailed):
        _use("ada", token)
    assert _sessions(cast.ada) == 0


def test_whoever_is_named_one_hash_is_computed(cast: SimpleNamespace) -> None:
    """Equal time, told by its cause: every try costs exactly one Argon2 computation."""
    computed = []

    class Counting(PasswordHasher):
        def hash(self, *args: object, **kwargs: object) -> str:
            computed.append("hash")
            return super().hash(*args, **kwargs)

        def verify(self, *args: object, **kwargs: object) -> bool:
            computed.append("verify")
            return super().verify(*args, **kwargs)

    usual = signing_in.hasher
    make_token(by=cast.ada, user=cast.ada)
    with clock.at(MONDAY):
        make_token(by=cast.ben, user=cast.ben)
    signing_in.hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    try:
        for name in ("ada", "ben", "cat", "nobody", "", "x" * 5000):
            with pytest.raises(LoginFailed):
                _use(name, "a b c")
    finally:
        signing_in.hasher = usual
    assert computed == ["verify", "verify", "hash", "hash", "hash", "hash"]


def test_of_two_racing_uses_one_wins(cast: SimpleNamespace) -> None:
    """Both have found the token right before either clears it: the conditional update decides."""
    make_token(by=cast.ada, user=cast.ada)
    found = user_or_stop("ada")
    start = threading.Barrier(8)

    def race(_: int) -> str:
        start.wait()
        try:
            with writing():
                signing_in._use_token(found)
            return found.username
        except Conflict as refusal:
            return str(refusal)
        finally:
            close_database()

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(race, range(8)))
    assert answers == sorted([FAILED] * 7 + ["ada"])
    assert Event.select().where(Event.type == "token:used").count() == 1


def test_racing_through_the_front_door_one_wins_too(cast: SimpleNamespace) -> None:
    token, limits = make_token(by=cast.ada, user=cast.ada), Limits()

    def race(_: int) -> bool:
        try:
            return bool(_use("ada", token, limits=limits))
        except LoginFailed:
            return False
        finally:
            close_database()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(race, range(4))) == [False, False, False, True]


# Limits


def test_ten_wrong_tries_in_a_quarter_hour_shut_an_account_even_for_the_right_token(
    cast: SimpleNamespace,
) -> None:
    token, limits = make_token(by=cast.ada, user=cast.ada), Limits()
    for number in range(10):
        with pytest.raises(LoginFailed):
            _use("ada" if number % 2 else "ada@example.org", "a b c", f"203.0.113.{number}", limits)
    with pytest.raises(TooMany) as refusal:
        _use("ADA", token, "203.0.113.99", limits)
    assert 0 < refusal.value.retry_after <= 15 * 60 + 1
    assert user_or_stop("ada").login_token_hash is not None
    make = make_token(by=cast.ben, user=cast.ben)
    assert _use("ben", make, "203.0.113.99", limits)[0] == cast.ben


def test_names_nobody_has_are_limited_like_accounts(cast: SimpleNamespace) -> None:
    limits = Limits()
    for number in range(10):
        with pytest.raises(LoginFailed):
            _use("Nobody", "a b c", f"203.0.113.{number}", limits)
    with pytest.raises(TooMany):
        _use("nobody ", "a b c", "203.0.113.99", limits)


def test_thirty_wrong_tries_shut_an_address_whoever_is_named(cast: SimpleNamespace) -> None:
    token, limits = make_token(by=cast.ada, user=cast.ada), Limits()
    for number in range(30):
        with pytest.raises(LoginFailed):
            _use(f"nobody{number}", "a b c", f"2001:db8:1:2::{number:x}", limits)
    with pytest.raises(TooMany):
        _use("ada", token, "2001:db8:1:2:ffff::1", limits)
    assert _use("ada", token, "2001:db8:1:3::1", limits)[0] == cast.ada


def test_the_count_is_exact_when_guesses_come_at_once(cast: SimpleNamespace) -> None:
    limits = Limits()

    def guess(_: int) -> str:
        try:
            _use("ada", "a b c", limits=limits)
        except (LoginFailed, TooMany) as refusal:
            return type(refusal).__name__
        finally:
            close_database()
        return "in"

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(guess, range(16)))
    assert (answers.count("LoginFailed"), answers.count("TooMany")) == (10, 6)


def test_a_hundred_wrong_tries_shut_a_backend_and_not_the_others(
    cast: SimpleNamespace, local: Backend
) -> None:
    north, limits = add_backend(by="system", slug="north", name="North"), Limits()
    token = make_token(by=cast.ada, user=cast.ada)
    for number in range(100):
        with pytest.raises(LoginFailed):
            authenticate(by=local, user=f"nobody{number}", token="a b c", limits=limits)
    with pytest.raises(TooMany):
        authenticate(by=local, user="ada", token=token, limits=limits)
    assert authenticate(by=north, user="ada", token=token, limits=limits) == cast.ada


def test_a_backend_is_told_what_was_wrong_and_uses_the_token_up(
    cast: SimpleNamespace, local: Backend
) -> None:
    def refused(user: str, token: str) -> str:
        with pytest.raises(LoginFailed) as refusal:
            authenticate(by=local, user=user, token=token, limits=Limits())
        return str(refusal.value)

    assert refused("nobody", "a b c") == "User matching query does not exist."
    assert refused("ada", "a b c") == "No login token set for ada"
    with clock.at(MONDAY):
        old = make_token(by=cast.ada, user=cast.ada)
    assert refused("ada", old) == "Token for ada has expired"
    token = make_token(by=cast.ada, user=cast.ada)
    assert refused("ada", "a b c") == "Token for ada was invalid"
    assert authenticate(by=local, user="ADA@example.org", token=token, limits=Limits()) == cast.ada
    assert refused("ada", token) == "No login token set for ada"
    assert _sessions(cast.ada) == 0
    User.update(is_active=False).where(User.id == cast.ben.id).execute()
    assert refused("ben", "a b c") == "User ben does not have access to any backends"


def test_right_tokens_do_not_count(cast: SimpleNamespace) -> None:
    limits = Limits()
    for _ in range(12):
        assert _use("ada", make_token(by=cast.ada, user=cast.ada), limits=limits)


# Who may have one


def test_people_make_their_own_token_and_staff_anybodys(cast: SimpleNamespace) -> None:
    make_token(by=cast.ada, user=cast.ada)
    make_token(by=cast.sam, user=cast.ada)
    make_token(by="system", user=cast.ada)
    for person in (cast.ben, cast.cat, cast.dan):
        with pytest.raises(Denied):
            make_token(by=person, user=cast.ada)
    made = Event.select().where(Event.type == "token:made").order_by(Event.id)
    assert [(event.by, event.subject) for event in made] == [
        (by, "user:ada") for by in ("ada", "sam", "system")
    ]


def test_making_and_using_are_recorded_without_the_words(cast: SimpleNamespace) -> None:
    _use("ada", make_token(by=cast.ada, user=cast.ada))
    last = Event.select().order_by(Event.id.desc()).limit(2)
    assert [(event.type, event.by, event.subject, event.data) for event in last] == [
        ("token:used", "ada", "user:ada", "{}"),
        ("token:made", "ada", "user:ada", "{}"),
    ]


def test_a_small_team_needs_no_backend_membership(cast: SimpleNamespace) -> None:
    assert backends_of(cast.ada) == []
    assert _use("ada", make_token(by=cast.ada, user=cast.ada))
    local = add_backend(by="system", slug="local", name="Local")
    assert backends_of(cast.ada) == backends_of(cast.dan) == [local]
    actions.deactivate(by="system", user=cast.dan)
    assert backends_of(user_or_stop("dan")) == []


@pytest.mark.parametrize("provider", [{"github_client_id": "x"}, {"oidc_issuer": "https://id.example.org"}])
def test_elsewhere_only_members_of_a_backend_get_and_use_tokens(
    cast: SimpleNamespace, settings: Settings, provider: dict[str, str]
) -> None:
    use(Settings(instance=settings.instance, **provider))
    local = add_backend(by="system", slug="local", name="Local")
    with pytest.raises(Denied, match="Log in once without a token first"):
        make_token(by=cast.ada, user=cast.ada)
    Identity.create(provider="github", uid="1", user=cast.ada, name_there="ada", created_at=clock.now())
    with pytest.raises(Denied, match="You do not have access to log in to any backends"):
        make_token(by=cast.ada, user=cast.ada)
    add_backend_member(by=cast.sam, backend=local, user=cast.ada)
    assert backends_of(cast.ada) == [local]
    assert backends_of(cast.ben) == []
    token = make_token(by=cast.ada, user=cast.ada)
    remove_backend_member(by=cast.sam, backend=local, user=cast.ada)
    with pytest.raises(LoginFailed):
        _use("ada", token)


# Sessions


def _signed_in(cast: SimpleNamespace) -> str:
    return _use("ada", make_token(by=cast.ada, user=cast.ada))[1]


def test_only_a_hash_of_the_session_token_is_kept(cast: SimpleNamespace) -> None:
    session = _signed_in(cast)
    assert Session.get().token_hash == hashlib.sha256(session.encode()).hexdigest()
    assert person_of(session) == cast.ada
    assert person_of(session[:-1]) is None
    assert person_of(Session.get().token_hash) is None
    assert person_of("") is None


def test_two_logins_have_two_sessions(cast: SimpleNamespace) -> None:
    first, second = _signed_in(cast), _signed_in(cast)
    assert first != second
    assert person_of(first) == person_of(second) == cast.ada


def test_a_session_slides_and_ends_after_two_weeks_without_use(cast: SimpleNamespace) -> None:
    with clock.at(MONDAY):
        session = _signed_in(cast)
    for days in (13, 26, 39):
        with clock.at(MONDAY + timedelta(days=days)):
            assert person_of(session) == cast.ada
    with clock.at(MONDAY + timedelta(days=53, seconds=-1)):
        assert Session.get().last_seen_at == MONDAY + timedelta(days=39)
    with clock.at(MONDAY + timedelta(days=53)):
        assert person_of(session) is None


def test_a_session_ends_after_its_longest_time_however_much_it_is_used(cast: SimpleNamespace) -> None:
    with clock.at(MONDAY):
        session = _signed_in(cast)
    for days in range(7, 365, 7):
        with clock.at(MONDAY + timedelta(days=days)):
            assert person_of(session) == cast.ada
    with clock.at(MONDAY + timedelta(days=365)):
        assert person_of(session) is None


def test_a_use_is_written_down_at_most_once_an_hour(cast: SimpleNamespace, queries: object) -> None:
    with clock.at(MONDAY):
        session = _signed_in(cast)
    for minutes, renewed in ((0, False), (59, False), (60, True), (61, False), (119, False), (120, True)):
        with clock.at(MONDAY + timedelta(minutes=minutes)), queries() as seen:
            assert person_of(session).session_renewed == renewed
        assert len(seen) == 1 + renewed


def test_signing_in_removes_the_persons_dead_sessions_only(cast: SimpleNamespace) -> None:
    with clock.at(MONDAY):
        _signed_in(cast)
        _use("ben", make_token(by=cast.ben, user=cast.ben))
    with clock.at(MONDAY + timedelta(days=14)):
        left = _signed_in(cast)
        sessions.sign_out(by=_as(cast.ada, left))
        alive = _signed_in(cast)
        again = _signed_in(cast)
    assert [session.user.username for session in Session.select().order_by(Session.id)] == [
        "ben",
        "ada",
        "ada",
    ]
    with clock.at(MONDAY + timedelta(days=14)):
        assert person_of(alive) == person_of(again) == cast.ada


def test_signing_out_ends_that_session_only(cast: SimpleNamespace) -> None:
    here, there = _signed_in(cast), _signed_in(cast)
    for _ in range(2):
        sessions.sign_out(by=_as(cast.ada, here))
    assert (person_of(here), person_of(there)) == (None, cast.ada)
    assert Event.select().where(Event.type == "session:ended").count() == 1


def _as(person: User, session: str) -> User:
    person.session_token = session
    return person


def test_signing_out_everywhere_ends_all(cast: SimpleNamespace) -> None:
    logins = [_signed_in(cast) for _ in range(3)]
    other = _use("ben", make_token(by=cast.ben, user=cast.ben))[1]
    assert sessions.sign_out_everywhere(by=cast.ada, user=cast.ada) == 3
    assert [person_of(session) for session in logins] == [None] * 3
    assert person_of(other) == cast.ben
    with pytest.raises(Denied):
        sessions.sign_out_everywhere(by=cast.ada, user=cast.ben)
    assert sessions.sign_out_everywhere(by=cast.sam, user=cast.ben) == 1


def test_raising_the_epoch_ends_every_session_begun_before(cast: SimpleNamespace) -> None:
    before = _signed_in(cast)
    User.update(session_epoch=User.session_epoch + 1).where(User.id == cast.ada.id).execute()
    assert person_of(before) is None
    assert person_of(_signed_in(cast)) == cast.ada


def test_logins_are_listed_by_their_last_use_and_ended_one_by_one(cast: SimpleNamespace) -> None:
    with clock.at(MONDAY - timedelta(days=15)):
        _signed_in(cast)
    with clock.at(MONDAY):
        first = _use("ada", make_token(by=cast.ada, user=cast.ada))[1]
        other = _use("ben", make_token(by=cast.ben, user=cast.ben))[1]
    with clock.at(MONDAY + timedelta(hours=1)):
        second = _signed_in(cast)
    with clock.at(MONDAY + timedelta(hours=2)):
        here = person_of(first)
        listed = sessions.sessions_of(here)
        assert [(one.is_this, one.way) for one in listed] == [
            (True, "a single-use token"),
            (False, "a single-use token"),
        ]
        sessions.end_session(by=here, number=listed[1].id)
        assert (person_of(second), person_of(first)) == (None, cast.ada)
        with pytest.raises(Conflict):
            sessions.end_session(by=here, number=listed[1].id)
        bens = Session.get(Session.user == cast.ben)
        with pytest.raises(Conflict):
            sessions.end_session(by=here, number=bens.id)
        assert person_of(other) == cast.ben


def test_deactivation_ends_sessions_at_once(cast: SimpleNamespace) -> None:
    session = _signed_in(cast)
    actions.deactivate(by=cast.sam, user=cast.ada)
    assert person_of(session) is None
    actions.reactivate(by=cast.sam, user=cast.ada)
    assert person_of(session) is None
