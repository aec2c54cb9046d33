"""The inbox, the choices, and the link that ends e-mails, as people use them in a browser."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.models import User
from jobsite.accounts.signing_in import make_token
from jobsite.application import create_app
from jobsite.core import clock
from jobsite.core.events import Event
from jobsite.notifications.choices import choices_of, choose, link_for
from jobsite.notifications.models import Notice
from jobsite.notifications.reading import read_news
from jobsite.notifications.rules import KEPT_READ, KEPT_UNREAD
from jobsite.notifications.tasks import clear_old_notices
from jobsite.projects.models import Workspace
from jobsite.settings import Settings

from ..conftest import csrf_of
from .conftest import TWO, Study, settings_of_jobs  # noqa: F401

SignIn = Callable[..., FlaskClient]


def notices(user: User, count: int, **columns: Any) -> None:
    """So many entries in somebody's inbox."""
    values = {"kind": "user-added", "facts": {"username": "eve"}, **columns}
    for number in range(count):
        Notice.create(user=user, key=f"{values['kind']}:{number}", **values)


@pytest.fixture
def settings(settings_of_jobs: Settings) -> Settings:  # noqa: F811
    """Settings of a site without https, whose cookies a test client sends."""
    return settings_of_jobs


@pytest.fixture
def ada(cast: SimpleNamespace, app: Flask, sign_in: SignIn) -> FlaskClient:
    """ada, logged in, with an empty inbox."""
    client = sign_in(app.test_client(), "ada")
    read_news()
    Notice.delete().execute()
    return client


class TestInbox:
    """What one was told."""

    def test_it_shows_news_newest_first_with_a_link_and_why(
        self, ada: FlaskClient, cast: SimpleNamespace
    ) -> None:
        notices(cast.ada, 1)
        make_token(by="system", user=cast.ada)
        read_news()
        shown = ada.get("/inbox/").text
        assert shown.index("New OpenSAFELY login token generated") < shown.index("New user: eve")
        assert '<a href="/users/eve/">New user: eve</a>' in shown
        assert "It is about your own account." in shown
        assert "2 unread." in shown

    def test_one_is_marked_as_read_and_another_stays(self, ada: FlaskClient, cast: SimpleNamespace) -> None:
        notices(cast.ada, 2)
        first = Notice.select().order_by(Notice.id).get()
        form = {"csrf_token": csrf_of(ada.get("/inbox/").text), "next": "/inbox/?show=unread"}
        answer = ada.post(f"/inbox/{first.id}/read/", data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/inbox/?show=unread")
        assert [one.read_at is None for one in Notice.select().order_by(Notice.id)] == [False, True]

    def test_all_are_marked_but_what_came_after_the_page_was_shown_is_not(
        self, ada: FlaskClient, cast: SimpleNamespace
    ) -> None:
        notices(cast.ada, 2)
        shown = ada.get("/inbox/").text
        up_to = re.search(r'name="up_to" value="(\d+)"', shown)
        assert up_to
        notices(cast.ada, 1, kind="token-made")
        ada.post("/inbox/read/", data={"csrf_token": csrf_of(shown), "up_to": up_to[1]})
        assert Notice.select().where(Notice.read_at.is_null()).count() == 1

    def test_nobody_reads_or_marks_the_messages_of_another(
        self, ada: FlaskClient, cast: SimpleNamespace
    ) -> None:
        notices(cast.ben, 1)
        theirs = Notice.get()
        assert "New user: eve" not in ada.get("/inbox/").text
        token = csrf_of(ada.get("/settings/notifications/").text)
        assert ada.post(f"/inbox/{theirs.id}/read/", data={"csrf_token": token}).status_code == 404
        ada.post("/inbox/read/", data={"csrf_token": token, "up_to": theirs.id})
        assert Notice.get().read_at is None

    def test_it_is_filtered_and_shown_in_pages(self, ada: FlaskClient, cast: SimpleNamespace) -> None:
        notices(cast.ada, 30, read_at=clock.now())
        notices(cast.ada, 1, kind="token-made")
        assert "1 to 25 of 31 messages" in ada.get("/inbox/").text
        assert "26 to 31 of 31 messages" in ada.get("/inbox/?page=2").text
        assert "26 to 31 of 31 messages" in ada.get("/inbox/?page=999").text
        assert "1 of 1" in ada.get("/inbox/?kind=token-made").text
        unread = ada.get("/inbox/?show=unread").text
        assert "1 of 1" in unread and "New user: eve" not in unread
        assert "No message matches this." in ada.get("/inbox/?kind=nothing").text

    @pytest.mark.parametrize("query", ["page=x", "page=-1", f"page={'9' * 40}", "kind=%00", "show=1"])
    def test_odd_input_is_no_error(self, ada: FlaskClient, query: str) -> None:
        assert ada.get(f"/inbox/?{query}").status_code == 200

    def test_what_people_are_called_is_shown_as_text(self, ada: FlaskClient, cast: SimpleNamespace) -> None:
        notices(cast.ada, 1, facts={"username": "<script>alert(1)</script>"})
        shown = ada.get("/inbox/").text
        assert "<script>alert" not in shown and "&lt;script&gt;alert" in shown

    def test_news_of_a_later_version_is_shown_without_words(
        self, ada: FlaskClient, cast: SimpleNamespace
    ) -> None:
        notices(cast.ada, 1, kind="of-a-later-version", facts={})
        assert "Something happened that this version cannot tell" in ada.get("/inbox/").text

    def test_a_page_takes_few_queries_however_full_it_is(
        self, ada: FlaskClient, cast: SimpleNamespace, queries: Callable[[], Any]
    ) -> None:
        notices(cast.ada, 300)
        with queries() as seen:
            ada.get("/inbox/")
        assert len(seen) <= 5, seen

    def test_visitors_are_sent_to_log_in(self, client: FlaskClient) -> None:
        assert client.get("/inbox/").headers["Location"] == "/login/?next=/inbox/"

    def test_what_was_read_goes_after_90_days_and_the_rest_after_a_year(
        self, ada: FlaskClient, cast: SimpleNamespace
    ) -> None:
        notices(cast.ada, 1, read_at=clock.now())
        notices(cast.ada, 1, kind="token-made")
        with clock.at(clock.now() + KEPT_READ + timedelta(days=1)):
            clear_old_notices()
            assert [one.kind for one in Notice.select()] == ["token-made"]
        with clock.at(clock.now() + KEPT_UNREAD + timedelta(days=1)):
            clear_old_notices()
            assert Notice.select().count() == 0


class TestMenu:
    """The number of unread messages in the frame of every page."""

    def test_every_page_shows_how_many_are_unread(self, ada: FlaskClient, cast: SimpleNamespace) -> None:
        notices(cast.ada, 3)
        assert '>3<span class="vh"> unread</span>' in ada.get("/").text

    def test_a_very_full_inbox_is_not_counted_to_its_end(
        self, ada: FlaskClient, cast: SimpleNamespace
    ) -> None:
        notices(cast.ada, 150)
        assert "99+" in ada.get("/").text

    def test_it_costs_one_query_in_the_index_of_unread_ones(
        self, ada: FlaskClient, cast: SimpleNamespace, queries: Callable[[], Any]
    ) -> None:
        with queries() as seen:
            ada.get("/settings/notifications/")
        mine = [sql for sql in seen if '"notice"' in sql]
        assert len(mine) == 1
        assert 'read_at" IS NULL' in mine[0], "the condition of the index notice_unread"

    def test_the_number_by_itself_is_a_fragment(self, ada: FlaskClient, cast: SimpleNamespace) -> None:
        notices(cast.ada, 2)
        part = ada.get("/inbox/unread/", headers={"HX-Request": "true"}).text
        assert part.startswith("<span") and ">2<" in part and 'hx-trigger="every 60s"' in part

    def test_visitors_have_no_inbox(self, client: FlaskClient, cast: SimpleNamespace) -> None:
        assert "/inbox/" not in client.get("/").text


class TestChoices:
    """What one wants by e-mail."""

    def test_a_choice_is_stored_and_shown_again(self, ada: FlaskClient, cast: SimpleNamespace) -> None:
        before = ada.get("/settings/notifications/").text
        assert checked(before) == {"each", "outputs", "access", "site"}
        form = {"csrf_token": csrf_of(before), "jobs": "failures", "groups": "site"}
        assert ada.post("/settings/notifications/", data=form).status_code == 303
        assert checked(ada.get("/settings/notifications/").text) == {"failures", "site"}
        assert choices_of(cast.ada).off == ["access", "outputs"]
        event = Event.select().order_by(Event.id.desc()).get()
        assert (event.type, event.by) == ("user:notifications", "ada")

    def test_something_else_is_refused_with_a_sentence(self, ada: FlaskClient, cast: SimpleNamespace) -> None:
        token = csrf_of(ada.get("/settings/notifications/").text)
        for jobs in ("", "often"):
            answer = ada.post("/settings/notifications/", data={"csrf_token": token, "jobs": jobs})
            assert answer.status_code == 422
            assert "Choose one of these." in answer.text
        assert choices_of(cast.ada).jobs == "each"

    def test_it_says_why_no_mail_comes(
        self, ada: FlaskClient, cast: SimpleNamespace, configure: Callable[..., None]
    ) -> None:
        assert "nobody has set a mail server" in ada.get("/settings/notifications/").text
        configure(smtp_url="smtp://mail.example.org")
        assert "No e-mail reaches you" not in ada.get("/settings/notifications/").text
        User.update(email_confirmed_at=None).where(User.id == cast.ada.id).execute()
        assert "No e-mail reaches you" in ada.get("/settings/notifications/").text


def checked(page: str) -> set[str]:
    """The values that are ticked."""
    boxes = re.findall(r"<input type=\"(?:radio|checkbox)\"[^>]*>", page)
    values = [(re.search(r'value="([^"]*)"', box), " checked" in box) for box in boxes]
    return {value[1] for value, ticked in values if value and ticked}


class TestUnsubscribe:
    """The link at the foot of an e-mail."""

    def test_looking_at_it_changes_nothing(self, client: FlaskClient, cast: SimpleNamespace) -> None:
        link = link_for(cast.ada, "jobs")
        shown = client.get(f"/unsubscribe/{link}/")
        assert shown.status_code == 200 and "End these e-mails?" in shown.text
        assert choices_of(cast.ada).jobs == "each"

    def test_a_mail_program_ends_them_without_a_login(
        self, client: FlaskClient, cast: SimpleNamespace
    ) -> None:
        link = link_for(cast.ada, "jobs")
        for _ in range(2):
            answer = client.post(f"/unsubscribe/{link}/", data={"List-Unsubscribe": "One-Click"})
            assert answer.status_code == 200 and "No more such e-mails" in answer.text
        assert choices_of(cast.ada).jobs == "none"
        assert choices_of(cast.ben).jobs == "each"
        assert Event.select().where(Event.type == "user:notifications").count() == 1

    def test_the_button_of_the_page_ends_them(self, client: FlaskClient, cast: SimpleNamespace) -> None:
        address = f"/unsubscribe/{link_for(cast.ada, 'access')}/"
        client.post(address, data={"csrf_token": csrf_of(client.get(address).text)})
        assert (choices_of(cast.ada).jobs, choices_of(cast.ada).off) == ("each", ["access"])

    @pytest.mark.parametrize("change", [lambda link: link[:-1], lambda link: "x" + link, lambda link: "x"])
    def test_a_link_that_is_not_ours_ends_nothing(
        self, client: FlaskClient, cast: SimpleNamespace, change: Callable[[str], str]
    ) -> None:
        link = change(link_for(cast.ada, "jobs"))
        assert client.get(f"/unsubscribe/{link}/").status_code == 404
        assert client.post(f"/unsubscribe/{link}/").status_code == 404
        assert choices_of(cast.ada).jobs == "each"

    def test_news_of_the_account_goes_on(self, client: FlaskClient, cast: SimpleNamespace) -> None:
        address = f"/unsubscribe/{link_for(cast.ada, 'security')}/"
        assert "cannot be ended" in client.post(address).text
        assert choices_of(cast.ada).off == []


class TestElsewhere:
    """What other pages say of notifications."""

    def test_the_settings_say_what_was_chosen(self, ada: FlaskClient, cast: SimpleNamespace) -> None:
        choose(by=cast.ada, jobs="summary", off=["access"])
        shown = ada.get("/settings/").text
        assert "E-mails about your jobs: <strong>one summary</strong>." in shown
        assert "Switched off: My projects and roles." in shown

    @pytest.mark.parametrize(
        ("smtp_url", "confirmed", "sentence"),
        [
            ("", True, "This site sends no e-mail"),
            ("smtp://mail.example.org", True, "To ada@example.org, and to your"),
            ("smtp://mail.example.org", False, "You have no confirmed e-mail address"),
        ],
    )
    def test_the_run_form_says_where_a_mail_goes(
        self,
        cast: SimpleNamespace,
        workspace: Workspace,
        study: Study,
        settings: Settings,
        sign_in: SignIn,
        smtp_url: str,
        confirmed: bool,
        sentence: str,
    ) -> None:
        study.commit(project__yaml=TWO)
        client = sign_in(create_app(replace(settings, smtp_url=smtp_url)).test_client(), "ada")
        if not confirmed:
            User.update(email_confirmed_at=None).where(User.id == cast.ada.id).execute()
        shown = client.get("/asthma/run-jobs/").text
        hint = re.search(r'id="notify-hint">(.*?)</span>', shown, re.DOTALL)
        assert hint and sentence in hint[1] and "/settings/notifications/" in hint[1]
