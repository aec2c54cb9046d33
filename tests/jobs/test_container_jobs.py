"""Job requests on an instance whose jobs run in containers (setting EXECUTOR), and what its settings mean."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.runtimes import command_of, image_address
from jobsite.jobs.specs import make_spec
from jobsite.settings import Settings, SettingsError, load, use

from .conftest import Study, project_yaml

IMAGES = "localhost/jobsite-test"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings under which the study's images are run as containers."""
    allowed = (f"{tmp_path}/repositories/",)
    return Settings(
        instance=tmp_path / "instance", executor="container", container_images=IMAGES, allowed_repos=allowed
    )


@pytest.mark.xdist_group("container")
def test_a_request_is_run_in_containers_and_a_missing_image_is_named(
    image: str,
    instance: Path,
    study: Study,
    ask: Callable[..., JobRequest],
    run: Callable[[JobRequest], dict[str, Job]],
) -> None:
    code = "open('out.txt', 'w').write('from ' + open('/proc/1/comm').read())"
    made = ("python:v2 /usr/bin/python3 make.py", [], {"moderately_sensitive": {"out": "out.txt"}})
    missing = ("r:v9 make.R", [], {"moderately_sensitive": {"out": "other.txt"}})
    study.commit(project__yaml=project_yaml(make=made, other=missing), make__py=code)
    jobs = run(ask("make", "other"))
    assert jobs["make"].state == "succeeded", jobs["make"].status_message
    assert {one.read_text() for one in instance.rglob("out.txt")} == {"from podman-init\n"}
    assert jobs["other"].state == "failed"
    assert f"{IMAGES}/r:v9 is not on this server" in jobs["other"].status_message


@pytest.mark.parametrize(
    ("image", "prefix", "address"),
    [
        ("python:v2", "registry.example/images", "registry.example/images/python:v2"),
        ("ehrql:latest", "registry.example", "registry.example/ehrql:v1"),
        ("python:v2", "", None),
        ("python", "registry.example", None),
        ("../other:v1", "registry.example/images", None),
        ("a/b:v1", "registry.example", None),
        ("a@sha256:0", "registry.example", None),
        ("-v:v1", "registry.example", None),
        ("python:v2 x", "registry.example", None),
    ],
)
def test_an_image_never_leads_out_of_what_operators_chose(
    image: str, prefix: str, address: str | None
) -> None:
    assert image_address(image, prefix) == address


def test_the_words_after_the_image_are_those_of_its_entry_point() -> None:
    here = Settings(executor="container", container_images="registry.example")
    assert command_of("python:v2 a.py --name 'a b'", here) == (
        "registry.example/python:v2",
        ("a.py", "--name", "a b"),
    )
    assert command_of("python:v2", here) == ("registry.example/python:v2", ())
    assert command_of("python:v2 a.py", Settings(runtimes={"python": ("/bin/sh",)})) == (
        "",
        ("/bin/sh", "a.py"),
    )


@pytest.mark.parametrize(
    "prefix", ["https://registry.example", "-v", "a b", "registry.example/../x", "Registry.example"]
)
def test_a_beginning_of_images_that_is_no_address_stops_the_start(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CONTAINER_IMAGES must be the address"):
        load(tmp_path, {"JOBSITE_CONTAINER_IMAGES": prefix})
    good = load(tmp_path, {"JOBSITE_CONTAINER_IMAGES": "registry.example:5000/a_b/c/"})
    assert good.container_images == "registry.example:5000/a_b/c"


@pytest.mark.parametrize("name", ["host", "bridge", "podman", "slirp4netns", "container:x", "-x", "a b"])
def test_a_network_that_leads_everywhere_stops_the_start(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CONTAINER_DATABASE_NETWORK must be the name of a network"):
        load(tmp_path, {"JOBSITE_CONTAINER_DATABASE_NETWORK": name})
    good = load(tmp_path, {"JOBSITE_CONTAINER_DATABASE_NETWORK": "database-only"})
    assert good.container_database_network == "database-only"


def test_database_actions_alone_get_the_network_and_the_variables(
    study: Study, ask: Callable[..., JobRequest], settings: Settings
) -> None:
    use(
        replace(
            settings,
            container_images="registry.example",
            container_database_network="database-only",
            database_env={"DATABASE_URL": "secret"},
        )
    )
    reads = "ehrql:v1 generate-dataset d.py --output d.csv"
    study.commit(
        project__yaml=project_yaml(
            reads=(reads, [], {"highly_sensitive": {"o": "d.csv"}}),
            other=("ehrql:v1 x.py", [], {"highly_sensitive": {"o": "x.csv"}}),
        ),
        d__py="",
    )
    ask("reads", "other")
    specs = {}
    for job in Job.select():
        moment = job.created_at
        attempt = Attempt.create(job=job, number=1, identifier=f"{job.identifier}-001", created_at=moment)
        specs[job.action] = make_spec(job, attempt)
    assert (specs["reads"].network, specs["other"].network) == ("database-only", "")
    assert "DATABASE_URL" in specs["reads"].environment
    assert "DATABASE_URL" not in specs["other"].environment
