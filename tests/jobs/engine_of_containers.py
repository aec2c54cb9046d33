"""A podman of the tests' own, one for all of them, with an image made of this machine's Python."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsite.jobs.executors.container import Container

PYTHON = shutil.which("python3", path="/usr/bin") or sys.executable


@pytest.fixture(scope="session")
def podman() -> Iterator[None]:
    """A podman with a storage of its own, so that no image or container of this machine is touched."""
    if shutil.which("podman", path="/usr/bin:/usr/local/bin") is None:
        pytest.skip("podman is not installed, so containers are not tested (apt-get install podman)")
    folder = Path(tempfile.mkdtemp(prefix="jobsite-podman-"))
    runtime = next((one for one in ("runc", "crun") if shutil.which(one)), "crun")
    (folder / "containers.conf").write_text(
        f'[engine]\nruntime = "{runtime}"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        f'tmp_dir = "{folder}/libpod"\n'
    )
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", str(folder / "containers.conf"))
        patch.setenv("CONTAINERS_STORAGE_CONF", str(folder / "storage.conf"))
        if refusal := Container().available():
            pytest.skip(f"podman does not work here, so containers are not tested: {refusal}")
        yield
        _reset()
    shutil.rmtree(folder)


def _reset() -> None:
    """Podman tidies up after the last container by itself, and a reset meanwhile is refused."""
    until = time.monotonic() + 60
    while subprocess.run(
        ["podman", "system", "reset", "--force"], check=False, capture_output=True
    ).returncode:
        assert time.monotonic() < until, "podman keeps what the tests have made"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def image(podman: None) -> str:
    """A small image without an entry point: this machine's shell, a few tools and Python."""
    name = "localhost/jobsite-test/python:v2"
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        with tarfile.open(file.name, "w") as archive:
            _fill_image(archive)
        subprocess.run(["podman", "import", "--quiet", file.name, name], check=True, capture_output=True)
    return name


def _fill_image(archive: tarfile.TarFile) -> None:
    library = f"lib/python{os.path.realpath(PYTHON).rpartition('python')[2]}"
    files = {
        PYTHON,
        *(shutil.which(name, path="/usr/bin") or "" for name in ("sh", "cat", "find", "sort", "true")),
    }
    for program in [os.path.realpath(one) for one in files]:
        files.add(program)
        said = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        files |= {one if one.startswith("/usr") else f"/usr{one}" for one in re.findall(r"(/\S+) \(0x", said)}
    for name in ("bin", "lib", "lib64"):
        link = tarfile.TarInfo(name)
        link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
        archive.addfile(link)
    for one in sorted(files | {os.path.realpath(one) for one in files}):
        archive.add(one, recursive=False)
    left_out = re.compile(r"/(test|__pycache__|idlelib|ensurepip|dist-packages|site-packages|config-[^/]*)$")
    archive.add(f"/usr/{library}", filter=lambda one: None if left_out.search(one.name) else one)
