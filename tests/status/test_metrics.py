"""`/metrics`: true numbers, no names, and only for the networks that may."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from jobsite.accounts.backends import add_backend, pause
from jobsite.accounts.models import Backend
from jobsite.application import create_app
from jobsite.core import clock, hub
from jobsite.core.db import close_database, writing
from jobsite.jobs.actions import move
from jobsite.jobs.backend_alerts import count_failure
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import executor
from jobsite.jobs.models import Job
from jobsite.jobs.turns import turns
from jobsite.jobs.weights import weights_path
from jobsite.settings import Settings
from jobsite.status.rules import why_not_metrics

from .test_views import ask


def numbers(client: FlaskClient) -> dict[str, float]:
    """Every sample: `name{label,…}` (the values of its labels, sorted) to its number."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    return {
        f"{one.name}{{{','.join(value for _, value in sorted(one.labels.items()))}}}": one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


def test_jobs_queues_and_weights_are_counted(
    client: FlaskClient, local: Backend, cast: Any, instance: Path
) -> None:
    add_backend(by="system", slug="other", name="Other")
    weights_path(instance, "local").parent.mkdir()
    weights_path(instance, "local").write_text('[space0]\n"action_0_0" = 1.5\n')
    first, second, third, fourth = ask(local, cast.ada, 4)
    move(first, "initiated")
    move(second, "waiting_on_workers")
    move(third, "waiting_on_dependencies")
    move(fourth, "cancelled_by_user")
    found = numbers(client)
    wanted = {
        "jobsite_jobs{running}": 1,
        "jobsite_jobs{pending}": 2,
        "jobsite_jobs{cancelled}": 1,
        "jobsite_jobs{succeeded}": 0,
        "jobsite_queue_length{local,other}": 1,
        "jobsite_queue_length{local,database}": 0,
        "jobsite_queue_length{other,other}": 0,
        "jobsite_running_weight{local,other}": 1.5,
        "jobsite_pool_size{local,other}": 2,
        "jobsite_active_jobs{local,pending}": 2,
        "jobsite_backend_silence_seconds{local}": 0,
        "jobsite_outbox_backlog{}": 0,
    }
    assert {name: found[name] for name in wanted} == wanted


def test_flags_and_alerts_are_told(client: FlaskClient, local: Backend) -> None:
    assert numbers(client)["jobsite_backend_alert{local,jobs}"] == 0
    pause(by="system", backend=local)
    with writing():
        count_failure(local.id, "jobs", "disk_full", at_once=True)
    found = numbers(client)
    assert found["jobsite_backend_flag{local,paused}"] == 1
    assert found["jobsite_backend_flag{local,rebooting}"] == 0
    assert found["jobsite_backend_alert{local,jobs}"] == 1


def test_a_public_side_tells_how_long_a_backend_is_silent(
    settings: Settings, instance: Path, local: Backend
) -> None:
    close_database()
    public = create_app(replace(settings, side="public")).test_client()
    assert not [name for name in numbers(public) if name.startswith("jobsite_backend_silence")]
    Backend.update(last_seen_at=clock.now() - timedelta(seconds=400)).execute()
    found = numbers(public)
    assert 400 <= found["jobsite_backend_silence_seconds{local}"] < 500
    assert not [name for name in found if name.startswith("jobsite_engine")]


def test_the_turns_of_the_engine_are_counted(client: FlaskClient, local: Backend) -> None:
    before = numbers(client)["jobsite_engine_turn_seconds_count{}"]
    stop = threading.Event()
    engine = Engine(executor(), finish=lambda job_id: None)
    thread = threading.Thread(target=engine.run, args=(stop,))
    thread.start()
    until = time.monotonic() + 20
    while sum(turns().counts) == before and time.monotonic() < until:
        time.sleep(0.01)
    stop.set()
    hub.ring()
    thread.join(20)
    found = numbers(client)
    assert found["jobsite_engine_turn_seconds_count{}"] > before
    assert found["jobsite_engine_turn_seconds_bucket{+Inf}"] == found["jobsite_engine_turn_seconds_count{}"]


def test_no_names_of_people_workspaces_or_actions_are_told(
    client: FlaskClient, local: Backend, cast: Any
) -> None:
    (job,) = ask(local, cast.ada)
    move(job, "waiting_on_workers")
    text = client.get("/metrics").text
    assert not [
        name for name in ("ada", "space", "action_", "project", job.identifier) if name in text.lower()
    ]


@pytest.mark.parametrize(
    ("address", "networks", "may"),
    [
        ("127.0.0.1", ("127.0.0.0/8", "::1/128"), True),
        ("::1", ("127.0.0.0/8", "::1/128"), True),
        ("::ffff:127.0.0.1", ("127.0.0.0/8",), True),
        ("10.1.2.3", ("127.0.0.0/8", "::1/128"), False),
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("fe80::1%eth0", ("fe80::/10",), True),
        ("127.0.0.1", (), False),
        ("", ("0.0.0.0/0",), False),
    ],
)
def test_only_the_networks_of_the_setting_may(address: str, networks: tuple[str, ...], may: bool) -> None:
    assert (why_not_metrics(address, networks) is None) == may


def test_others_are_refused_with_a_sentence(client: FlaskClient) -> None:
    refused = client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert refused.status_code == 403
    assert "METRICS_NETWORKS" in refused.text


def test_the_numbers_cost_few_queries_however_many_jobs(
    client: FlaskClient, local: Backend, cast: Any, queries: Callable[[], Any]
) -> None:
    for job in ask(local, cast.ada, 40):
        move(job, "waiting_on_workers")
    with queries() as asked:
        numbers(client)
    assert len([one for one in asked if "pg_stat_activity" not in one]) <= 5, asked
    assert Job.select().count() == 40
