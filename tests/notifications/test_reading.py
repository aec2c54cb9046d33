"""From the event log to inboxes and outbox: what becomes news, for whom, once and only once."""

import logging
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from jobsite.accounts import email_change
from jobsite.accounts.actions import add_user, set_roles
from jobsite.accounts.api_tokens import make_api_token
from jobsite.accounts.backends import add_backend_member, remove_backend_member
from jobsite.accounts.models import Backend, User
from jobsite.accounts.signing_in import make_token
from jobsite.core import clock
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.jobs.actions import cancel
from jobsite.jobs.backend_alerts import RAISED_AT, count_failure
from jobsite.jobs.models import Job, JobRequest
from jobsite.notifications.choices import choose
from jobsite.notifications.models import Delivery, Notice, Reading
from jobsite.notifications.reading import BATCH, read_news
from jobsite.notifications.watching import watch_backends, watch_copilots
from jobsite.projects import sign_off
from jobsite.projects.actions import (
    add_member,
    add_organisation,
    add_project,
    remove_member,
    set_member_roles,
)
from jobsite.projects.models import Project, Workspace
from jobsite.projects.workspaces import edit_workspace

End = Callable[..., Job]
Ask = Callable[..., JobRequest]


def told(user: User) -> list[str]:
    """The kinds in somebody's inbox, oldest first."""
    read_news()
    return [notice.kind for notice in Notice.select().where(Notice.user == user).order_by(Notice.id)]


def mails(user: User) -> list[str]:
    """The kinds of the mails to somebody in the outbox, oldest first."""
    read_news()
    rows = Delivery.select().where(Delivery.user == user, Delivery.channel == "mail")
    return [delivery.kind for delivery in rows.order_by(Delivery.id)]


@pytest.fixture
def quiet(cast: SimpleNamespace, local: Backend) -> SimpleNamespace:
    """The cast; that they were added is no news any more."""
    read_news()
    Delivery.delete().execute()
    Notice.delete().execute()
    return cast


class TestJobs:
    """What becomes of jobs, by the choice of who asked for them."""

    def test_each_job_is_told_dependencies_included(
        self, cast: SimpleNamespace, request_of_two: Ask, end: End
    ) -> None:
        asked = request_of_two()
        end(asked, "extract")
        end(asked, "table", "nonzero_exit")
        shown = told(cast.ada)[-2:]
        assert shown == ["job-ended", "job-ended"]
        facts = [one.facts for one in Notice.select().where(Notice.kind == "job-ended").order_by(Notice.id)]
        assert [(one["action"], one["state"]) for one in facts] == [
            ("extract", "succeeded"),
            ("table", "failed"),
        ]
        assert mails(cast.ada)[-2:] == shown

    def test_nothing_is_told_where_it_was_not_asked_for(
        self, cast: SimpleNamespace, request_of_two: Ask, end: End
    ) -> None:
        asked = request_of_two(will_notify=False)
        end(asked, "extract")
        end(asked, "table")
        assert not [kind for kind in told(cast.ada) if kind.startswith(("job", "request"))]

    def test_failures_only(self, cast: SimpleNamespace, request_of_two: Ask, end: End) -> None:
        choose(by=cast.ada, jobs="failures", off=[])
        asked = request_of_two()
        end(asked, "extract")
        assert "job-ended" not in told(cast.ada)
        end(asked, "table", "unmatched_patterns")
        assert told(cast.ada)[-1:] == mails(cast.ada)[-1:] == ["job-ended"]

    def test_one_summary_when_the_request_has_ended(
        self, cast: SimpleNamespace, request_of_two: Ask, end: End
    ) -> None:
        choose(by=cast.ada, jobs="summary", off=[])
        asked = request_of_two()
        end(asked, "extract")
        assert "request-ended" not in told(cast.ada)
        end(asked, "table", "nonzero_exit")
        assert told(cast.ada).count("request-ended") == mails(cast.ada).count("request-ended") == 1
        facts = Notice.get(Notice.kind == "request-ended").facts
        assert (facts["state"], facts["total"], facts["succeeded"], facts["failed"]) == (
            "failed",
            2,
            1,
            ["table"],
        )

    def test_one_summary_although_all_ends_are_read_at_once(
        self, cast: SimpleNamespace, request_of_two: Ask, end: End
    ) -> None:
        choose(by=cast.ada, jobs="summary", off=[])
        asked = request_of_two()
        end(asked, "extract")
        end(asked, "table")
        assert told(cast.ada).count("request-ended") == 1

    def test_without_mails_the_inbox_gets_a_summary(
        self, cast: SimpleNamespace, request_of_two: Ask, end: End
    ) -> None:
        choose(by=cast.ada, jobs="none", off=[])
        asked = request_of_two()
        end(asked, "extract")
        end(asked, "table")
        assert told(cast.ada).count("request-ended") == 1
        assert not [kind for kind in mails(cast.ada) if kind.startswith(("job", "request"))]

    def test_a_message_of_a_job_that_could_not_run_is_not_passed_on(
        self, cast: SimpleNamespace, request_of_two: Ask, end: End
    ) -> None:
        end(request_of_two(), "extract", "job_error", "secret_name.csv is a link")
        read_news()
        assert Notice.get(Notice.kind == "job-ended").facts["message"] == "The job could not be run"

    def test_a_cancellation_by_somebody_else_is_told_and_ones_own_is_not(
        self, cast: SimpleNamespace, request_of_two: Ask
    ) -> None:
        cancel(by=cast.ada, request=request_of_two(will_notify=False), may_cancel=True)
        assert "request-cancelled" not in told(cast.ada)
        cancel(by=cast.sam, request=request_of_two(will_notify=False), may_cancel=True)
        assert told(cast.ada)[-1] == mails(cast.ada)[-1] == "request-cancelled"


class TestAccounts:
    """Tokens, addresses, roles and memberships."""

    def test_tokens_are_told_to_their_owner(self, quiet: SimpleNamespace) -> None:
        make_token(by=quiet.ada, user=quiet.ada)
        make_api_token(by=quiet.ada, user=quiet.ada, name="laptop", days=3)
        with writing():
            record("token:used", by="ada", subject="user:ada")
        assert told(quiet.ada) == mails(quiet.ada) == ["token-made", "api-token-made", "token-used"]

    def test_no_mail_holds_the_words_of_a_token(self, quiet: SimpleNamespace) -> None:
        words = make_token(by="system", user=quiet.ada)
        read_news()
        assert not [row for row in Delivery.select().dicts() if words in str(row)]

    def test_a_new_address_gets_the_link_and_the_old_one_is_told(self, quiet: SimpleNamespace) -> None:
        email_change.ask(by=quiet.ada, email="new@example.org")
        assert told(quiet.ada) == ["email-asked"]
        sent = [(row.kind, row.recipient) for row in Delivery.select().order_by(Delivery.id)]
        assert sent == [("email-confirm", "new@example.org"), ("email-asked", "")]

    def test_once_changed_both_addresses_are_told(self, quiet: SimpleNamespace) -> None:
        email_change.ask(by=quiet.ada, email="new@example.org")
        ada = User.get_by_id(quiet.ada.id)
        path = email_change.confirmation_path(ada, "new@example.org")
        email_change.confirm(by=ada, signed=path.split("/")[3])
        read_news()
        sent = {row.recipient for row in Delivery.select().where(Delivery.kind == "email-changed")}
        assert sent == {"ada@example.org", ""}

    def test_roles_and_memberships_are_told_to_the_person_with_who_did_it(
        self, quiet: SimpleNamespace, local: Backend
    ) -> None:
        org = add_organisation(by="system", name="Northfield")
        project = add_project(by="system", name="Air", orgs=[org])
        add_member(by=quiet.sam, project=project, user=quiet.dan, roles=["ProjectDeveloper"])
        set_member_roles(by=quiet.sam, project=project, user=quiet.dan, roles=[])
        remove_member(by=quiet.sam, project=project, user=quiet.dan)
        add_backend_member(by=quiet.sam, backend=local, user=quiet.dan)
        remove_backend_member(by=quiet.sam, backend=local, user=quiet.dan)
        set_roles(by=quiet.sam, user=quiet.dan, roles=["OutputChecker"])
        kinds = ["member-added", "member-roles", "member-removed", "backend-member-added"]
        assert told(quiet.dan) == [*kinds, "backend-member-removed", "roles-changed"]
        assert all(one.facts["by"] == "sam" for one in Notice.select())
        assert told(quiet.sam) == []

    def test_nobody_is_told_what_they_did_themselves(self, quiet: SimpleNamespace) -> None:
        set_roles(by=quiet.sam, user=quiet.sam, roles=["StaffAreaAdministrator"])
        assert told(quiet.sam) == []

    def test_a_group_that_is_switched_off_is_in_the_inbox_only(self, quiet: SimpleNamespace) -> None:
        choose(by=quiet.dan, jobs="each", off=["access"])
        set_roles(by=quiet.sam, user=quiet.dan, roles=["OutputChecker"])
        assert told(quiet.dan) == ["roles-changed"]
        assert mails(quiet.dan) == []


class TestSite:
    """News for staff, the webhook and the sign-off."""

    def test_a_backend_in_trouble_is_told_to_those_who_manage_backends_once_with_what_failed(
        self, quiet: SimpleNamespace, local: Backend, configure: Callable[..., None]
    ) -> None:
        configure(webhook_url="https://hooks.example")
        for _ in range(RAISED_AT + 3):
            with writing():
                count_failure(local.id, "jobs", "platform", at_once=False)
        assert told(quiet.sam) == mails(quiet.sam) == ["backend-alert"]
        assert told(quiet.ada) == []
        [hook] = Delivery.select().where(Delivery.channel == "webhook")
        assert (hook.kind, hook.facts["backend"]) == ("backend-alert", "local")
        assert f"({RAISED_AT} times)" in hook.facts["what"]

    def test_a_backend_that_is_silent_is_told_once_and_so_is_its_return(
        self, quiet: SimpleNamespace, local: Backend, configure: Callable[..., None]
    ) -> None:
        configure(side="public", webhook_url="https://hooks.example")
        watch_backends()
        assert told(quiet.sam) == [], "one that was never heard of is not missing"
        Backend.update(last_seen_at=clock.now()).execute()
        with clock.at(clock.now() + timedelta(seconds=local.alert_timeout + 1)):
            watch_backends()
            watch_backends()
            assert told(quiet.sam) == ["backend-missing"]
            Backend.update(last_seen_at=clock.now()).execute()
            watch_backends()
            watch_backends()
            assert told(quiet.sam) == ["backend-missing", "backend-back"]
        hooks = Delivery.select().where(Delivery.channel == "webhook").order_by(Delivery.id)
        assert [one.kind for one in hooks] == ["backend-missing", "backend-back"]

    def test_a_backend_is_not_watched_where_it_is_this_machine(
        self, quiet: SimpleNamespace, local: Backend
    ) -> None:
        Backend.update(last_seen_at=clock.now() - timedelta(days=2)).execute()
        watch_backends()
        assert told(quiet.sam) == []

    def test_a_co_pilot_is_told_of_a_project_and_before_the_support_ends(
        self, quiet: SimpleNamespace, configure: Callable[..., None]
    ) -> None:
        configure(webhook_url="https://hooks.example")
        org = add_organisation(by="system", name="Northfield")
        project = add_project(by="system", name="Air", orgs=[org], number="7", copilot=quiet.sam)
        watch_copilots()
        assert told(quiet.sam) == ["copilot-given"]
        Project.update(copilot_support_ends_at=clock.now() + timedelta(days=6)).execute()
        watch_copilots()
        assert told(quiet.sam) == ["copilot-given"]
        with clock.at(clock.now() + timedelta(days=2)):
            watch_copilots()
            watch_copilots()
            assert told(quiet.sam) == ["copilot-given", "copilot-ending"]
        kinds = [
            one.kind for one in Delivery.select().where(Delivery.channel == "webhook").order_by(Delivery.id)
        ]
        assert kinds == ["copilot-given", "copilot-ending"]
        assert Notice.get(Notice.kind == "copilot-ending").facts["name"] == project.title

    def test_the_webhook_gets_the_kinds_of_the_setting(
        self, quiet: SimpleNamespace, configure: Callable[..., None]
    ) -> None:
        configure(webhook_url="https://hooks.example", webhook_kinds=("token-made",))
        add_user(by="system", username="eve", fullname="Eve")
        make_token(by="system", user=quiet.ada)
        read_news()
        assert [row.kind for row in Delivery.select().where(Delivery.channel == "webhook")] == ["token-made"]

    def test_no_webhook_no_row(self, quiet: SimpleNamespace) -> None:
        add_user(by="system", username="eve", fullname="Eve")
        read_news()
        assert Delivery.select().count() == 0

    def test_a_sign_off_reaches_makers_co_pilots_and_where_outputs_are_at_github_the_publications_address(
        self, quiet: SimpleNamespace, configure: Callable[..., None]
    ) -> None:
        configure(publications_email="pub@example.org", sign_off_repo="org/tracker")
        _sign_off("repo:signed-off", has_github_outputs=True)
        _sign_off("repo:signed-off-internally")
        assert told(quiet.ada) == told(quiet.pat) == ["sign-off"]
        assert told(quiet.sam) == []
        rows = [
            (row.channel, row.kind, row.recipient) for row in Delivery.select().where(Delivery.user.is_null())
        ]
        assert rows == [("mail", "sign-off-outputs", "pub@example.org"), ("issue", "sign-off-internal", "")]

    def test_where_no_outputs_are_at_github_nobody_is_bothered(
        self, quiet: SimpleNamespace, configure: Callable[..., None]
    ) -> None:
        configure(publications_email="pub@example.org")
        _sign_off("repo:signed-off", has_github_outputs=False)
        read_news()
        assert not Delivery.select().where(Delivery.kind == "sign-off-outputs").exists()


def _sign_off(event: str, **facts: object) -> None:
    about = {
        "repo": "org/study",
        "url": "https://github.com/org/study",
        "creators": ["ada"],
        "copilots": ["pat"],
    }
    with writing():
        record(event, by="ben", subject="repo:https://github.com/org/study", **{**about, **facts})


class TestOnce:
    """The cursor: nothing twice, nothing lost, nobody's news stops another's."""

    def test_reading_again_tells_nothing_again(self, quiet: SimpleNamespace) -> None:
        make_token(by="system", user=quiet.ada)
        assert read_news() == 1
        assert read_news() == 0
        assert told(quiet.ada) == ["token-made"]

    def test_what_is_cut_off_in_the_middle_is_told_whole_the_next_time(
        self, quiet: SimpleNamespace, instance: object
    ) -> None:
        make_token(by="system", user=quiet.ada)
        before = Reading.get().cursor

        class PowerCut(Exception):
            """The end."""

        with pytest.raises(PowerCut), writing():
            read_news()
            raise PowerCut
        assert Reading.get().cursor == before
        assert Notice.select().count() == Delivery.select().count() == 0
        assert told(quiet.ada) == mails(quiet.ada) == ["token-made"]

    def test_events_nobody_is_told_of_and_events_of_things_that_are_gone_are_passed(
        self, quiet: SimpleNamespace, caplog: pytest.LogCaptureFixture
    ) -> None:
        with writing():
            record("from:the-future", by="ada", subject="thing:1")
            record("job:succeeded", by="system", subject="job:gone")
            record("request:cancel", by="sam", subject="request:no-number")
            record("member:added", by="sam", subject="project:gone", user="ada")
            record("repo:signed-off", by="sam", subject="repo:x")
        make_token(by="system", user=quiet.ada)
        with caplog.at_level(logging.CRITICAL):
            assert told(quiet.ada) == ["token-made"]

    def test_a_site_that_learns_to_notify_does_not_tell_its_past(self, instance: object) -> None:
        assert Reading.select().count() == 1

    def test_a_batch_after_the_other_is_read(self, quiet: SimpleNamespace) -> None:
        for _ in range(BATCH // 40 + 1):
            with writing():
                for _ in range(40):
                    record("from:the-future", by="ada", subject="thing:1")
        make_token(by="system", user=quiet.ada)
        assert told(quiet.ada) == ["token-made"]


class TestOldNews:
    """The site was off for days: one message about all of it."""

    def test_old_news_is_one_mail_and_whole_in_the_inbox(self, quiet: SimpleNamespace) -> None:
        for _ in range(3):
            make_token(by="system", user=quiet.ada)
        set_roles(by=quiet.sam, user=quiet.ada, roles=["OutputChecker"])
        with clock.at(clock.now() + timedelta(days=3)):
            kinds = told(quiet.ada)
            sent = mails(quiet.ada)
        assert kinds == ["token-made"] * 3 + ["roles-changed", "catch-up"]
        assert sent == ["catch-up"]
        assert Notice.get(Notice.kind == "catch-up").facts["counts"] == {"token-made": 3, "roles-changed": 1}

    def test_old_news_of_many_batches_is_still_one_mail(self, quiet: SimpleNamespace) -> None:
        for _ in range(3):
            make_token(by="system", user=quiet.ada)
            with writing():
                for _ in range(BATCH):
                    record("from:the-future", by="ada", subject="thing:1")
        with clock.at(clock.now() + timedelta(days=3)):
            assert mails(quiet.ada) == ["catch-up"]
            assert mails(quiet.ada) == ["catch-up"]

    def test_old_news_that_would_not_have_been_mailed_is_no_reason_for_a_mail(
        self, quiet: SimpleNamespace
    ) -> None:
        choose(by=quiet.dan, jobs="each", off=["access"])
        set_roles(by=quiet.sam, user=quiet.dan, roles=["OutputChecker"])
        with clock.at(clock.now() + timedelta(days=3)):
            assert told(quiet.dan) == ["roles-changed"]
            assert mails(quiet.dan) == []

    def test_old_news_of_the_site_is_not_sent_to_the_webhook(
        self, quiet: SimpleNamespace, configure: Callable[..., None]
    ) -> None:
        configure(webhook_url="https://hooks.example")
        add_user(by="system", username="eve", fullname="Eve")
        with clock.at(clock.now() + timedelta(days=3)):
            read_news()
        assert Delivery.select().count() == 0


def test_a_sign_off_tells_makers_co_pilots_and_then_an_owner_at_github(
    cast: SimpleNamespace, workspace: Workspace, configure: Callable[..., None]
) -> None:
    configure(sign_off_repo="org/tracker", webhook_url="https://hooks.example")
    Project.update(copilot=cast.sam).execute()
    edit_workspace(by=cast.ada, workspace=workspace, purpose="All jobs")
    sign_off.sign_off_workspace(by=cast.ada, workspace=workspace)
    sign_off.request_public(by=cast.ben, repo=workspace.repo)
    sign_off.sign_off_internally(by=cast.sam, repo=workspace.repo)
    assert "sign-off" in told(cast.ada) and "sign-off" in told(cast.sam)
    assert "sign-off" not in told(cast.ben)
    for channel, kind in (("webhook", "sign-off"), ("issue", "sign-off-internal")):
        row = Delivery.get(Delivery.channel == channel, Delivery.kind == kind)
        assert row.facts["projects"] == ["Air"]
        assert row.facts["path"] == f"/publish-repo/{quote(quote(workspace.repo.url, safe=''), safe='')}/"
