"""Job requests on an instance whose jobs run in containers (setting EXECUTOR), and what its settings mean."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.runtimes import command_of, image_address
from jobsite.settings import Settings, SettingsError, load

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
