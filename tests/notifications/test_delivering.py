"""The outbox: each delivery at least once, taken by one worker at a time, given up in the end, tried again by staff."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobsite.accounts.models import User
from jobsite.accounts.signing_in import make_token
from jobsite.core import clock, hub, queue
from jobsite.core.consumer import open_queue
from jobsite.core.db import close_database, writing
from jobsite.core.errors import Denied
from jobsite.core.events import Event, record
from jobsite.core.queue import every
from jobsite.notifications.actions import retry
from jobsite.notifications.delivering import deliver_due, due_channels, hand_over, take
from jobsite.notifications.mailing import send_mail
from jobsite.notifications.models import Delivery, Notice
from jobsite.notifications.queries import backlog, failed_deliveries, heartbeats
from jobsite.notifications.reading import follow_events, read_news
from jobsite.notifications.rules import KEPT_SENT, LEASE, TRIES
from jobsite.notifications.tasks import clear_old_notices

from ..databases import database_environ
from ..servers import until
from .conftest import Listener, PostOffice

WORKER = """
import sys
from jobsite.instance import open_instance
from jobsite.settings import load
open_instance(load(sys.argv[1]))
from jobsite.notifications.delivering import deliver_due
print(deliver_due("mail"), flush=True)
"""


@pytest.fixture(autouse=True)
def people(cast: SimpleNamespace) -> SimpleNamespace:
    """The cast; that they were added has been read."""
    read_news()
    return cast


def waiting(user: User, count: int = 1) -> list[Delivery]:
    """So many mails to somebody in the outbox."""
    for _ in range(count):
        make_token(by="system", user=user)
    read_news()
    return list(Delivery.select().order_by(Delivery.id))


def worker(instance: Path, office_port: int) -> "subprocess.Popen[str]":
    """Another process that delivers what is due."""
    environ = {
        **os.environ,
        **database_environ(instance),
        "JOBSITE_SMTP_URL": f"smtp://127.0.0.1:{office_port}",
        "JOBSITE_MAIL_FROM": "j@x.org",
    }
    close_database()
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(instance)], stdout=subprocess.PIPE, text=True, env=environ
    )


def test_two_workers_at_once_deliver_each_mail_once(
    people: SimpleNamespace, office: PostOffice, instance: Path
) -> None:
    waiting(people.ada, 12)
    two = [worker(instance, office.port) for _ in range(2)]
    tried = [int(one.communicate(timeout=60)[0]) for one in two]
    assert sum(tried) == 12
    assert len({mail.message["Message-ID"] for mail in office.mails}) == len(office.mails) == 12


def test_two_threads_never_hold_the_same_delivery(people: SimpleNamespace, office: PostOffice) -> None:
    waiting(people.ada, 10)
    taken: list[int] = []

    def take_all() -> None:
        while one := take("mail"):
            taken.append(one.id)
        close_database()

    threads = [threading.Thread(target=take_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [row.id for row in Delivery.select().order_by(Delivery.id)]


def test_killed_before_it_was_delivered_it_is_delivered_afterwards(
    people: SimpleNamespace, office: PostOffice, instance: Path, listener: Callable[..., Listener]
) -> None:
    [row] = waiting(people.ada)
    silent = listener(lambda connected: connected.recv(1) and None)
    victim = worker(instance, silent.port)
    until(lambda: silent.calls)
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=10)
    assert deliver_due("mail") == 0, "the dead one still holds it"
    with clock.at(clock.now() + LEASE + timedelta(seconds=1)):
        assert deliver_due("mail") == 1
    [mail] = office.mails
    assert mail.message["Message-ID"].startswith(f"<{row.identifier}@")
    assert Delivery.get().attempts == 2


def test_killed_after_the_server_took_it_it_comes_twice_with_one_message_id(
    people: SimpleNamespace, office: PostOffice
) -> None:
    waiting(people.ada)
    held = take("mail")
    assert held
    send_mail(held)  # and here the worker dies, before it can note that
    with clock.at(clock.now() + LEASE + timedelta(seconds=1)):
        deliver_due("mail")
    ids = [(mail.message["Message-ID"], mail.message["Date"]) for mail in office.mails]
    assert len(ids) == 2 and len(set(ids)) == 1


def test_a_worker_that_was_too_slow_does_not_undo_what_another_noted(
    people: SimpleNamespace, office: PostOffice
) -> None:
    waiting(people.ada)
    slow = take("mail")
    assert slow
    with clock.at(clock.now() + LEASE + timedelta(seconds=1)):
        deliver_due("mail")
    office.answers["DATA"] = "554 too late"
    hand_over(slow)
    row = Delivery.get()
    assert (row.state, row.last_error) == ("sent", "")


def test_after_twelve_failures_it_is_given_up_and_staff_see_it_and_try_again(
    people: SimpleNamespace, office: PostOffice
) -> None:
    office.answers["DATA"] = "451 not now"
    waiting(people.ada)
    moment, tries = clock.now(), 0
    while due_channels_at(moment):
        with clock.at(moment):
            tries += deliver_due("mail")
        moment = max(Delivery.get().next_try_at, moment + timedelta(seconds=1))
        if Delivery.get().state == "given_up":
            break
    assert tries == TRIES
    [failed], total = failed_deliveries()
    assert (total, failed.user.username, failed.kind) == (1, "ada", "token-made")
    assert "451 not now" in failed.last_error
    with pytest.raises(Denied, match="Only staff"):
        retry(by=people.ada, delivery=failed)
    retry(by=people.sam, delivery=failed)
    with pytest.raises(Denied, match="not been given up"):
        retry(by=people.sam, delivery=Delivery.get())
    office.answers.clear()
    assert deliver_due("mail") == 1
    assert len(office.mails) == 1
    assert failed_deliveries() == ([], 0)
    assert Event.select().order_by(Event.id.desc()).get().type == "delivery:retried"


def due_channels_at(moment: object) -> list[str]:
    """What is due then."""
    with clock.at(moment):  # type: ignore[arg-type]
        return due_channels()


def test_nothing_is_tried_before_its_time(people: SimpleNamespace, office: PostOffice) -> None:
    office.answers["DATA"] = "451 not now"
    waiting(people.ada)
    assert deliver_due("mail") == 1
    assert deliver_due("mail") == 0
    assert due_channels() == []
    assert due_channels_at(clock.now() + timedelta(minutes=2)) == ["mail"]


def test_the_backlog_is_counted_by_channel(people: SimpleNamespace, office: PostOffice) -> None:
    office.answers["DATA"] = "451 not now"
    waiting(people.ada, 3)
    hand_over(take("mail"))  # type: ignore[arg-type]
    [mails] = backlog()
    assert (mails.channel, mails.waiting, mails.failing) == ("mail", 3, 1)
    assert mails.oldest >= 0


def test_a_fault_of_this_program_stops_no_other_delivery(people: SimpleNamespace, office: PostOffice) -> None:
    rows = waiting(people.ada, 2)
    Delivery.update(facts="no table").where(Delivery.id == rows[0].id).execute()
    assert deliver_due("mail") == 2
    assert [row.state for row in Delivery.select().order_by(Delivery.id)] == ["waiting", "sent"]
    assert "A fault of this program" in Delivery.get_by_id(rows[0].id).last_error


def test_what_has_left_is_forgotten_after_a_month_and_what_was_given_up_is_not(
    people: SimpleNamespace, office: PostOffice
) -> None:
    rows = waiting(people.ada, 2)
    deliver_due("mail")
    Delivery.update(state="given_up").where(Delivery.id == rows[1].id).execute()
    with clock.at(clock.now() + KEPT_SENT + timedelta(days=1)):
        clear_old_notices()
    assert [row.id for row in Delivery.select()] == [rows[1].id]


def test_who_reads_the_news_wakes_by_itself_and_leaves_a_sign_of_life(people: SimpleNamespace) -> None:
    close_database()
    stop = threading.Event()
    thread = threading.Thread(target=follow_events, args=(stop,))
    thread.start()
    try:
        make_token(by="system", user=people.ada)
        until(lambda: Delivery.select().exists(), 20)
    finally:
        stop.set()
        hub.ring()
        thread.join(timeout=20)
    assert not thread.is_alive()
    [sign] = [one for one in heartbeats() if one.name == "notifications"]
    assert sign.failure == "" and sign.failed_at is None


def test_every_tick_leaves_a_sign_of_life_and_a_failed_one_says_so(
    instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known in ("_every", "_tasks", "_sides"):  # for this test alone there is one more
        monkeypatch.setattr(queue, known, dict(getattr(queue, known)))

    def breaks() -> None:
        raise RuntimeError("no more")

    every(minutes=60, side="any")(breaks)
    huey = open_queue(instance / "huey.db")
    ticks = {one.name: one for one in huey._registry.periodic_tasks}
    broken = next(name for name in ticks if "breaks" in name)
    for name in ("clear_old_notices.tick", broken):
        huey.execute(ticks[name])
    found = {one.name: one for one in heartbeats()}
    assert found["clear_old_notices"].failed_at is None
    assert found[broken.removesuffix(".tick")].failure == "RuntimeError"
    assert found[broken.removesuffix(".tick")].failed_at is not None


def test_a_bot_has_no_inbox(people: SimpleNamespace) -> None:
    User.update(is_bot=True).where(User.id == people.ada.id).execute()
    make_token(by="system", user=people.ben)
    with writing():
        record("user:api-token-made", by="sam", subject="user:ada", name="x")
    read_news()
    assert [one.user.username for one in Notice.select()] == ["ben"]
