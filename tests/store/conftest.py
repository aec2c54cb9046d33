import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jobsite.store.collecting import collect
from jobsite.store.facts import JobFacts
from jobsite.store.level4 import Level4Limits
from jobsite.store.publish import publish
from jobsite.store.roots import Roots

HIGHLY, MODERATELY = "highly_sensitive", "moderately_sensitive"
LOG = (b"2026-01-01T00:00:00Z hello\n",)


def digest(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def prepared_listing(work_dir):
    """The listing a supervisor leaves before the command runs."""
    listing = {}
    for folder, _, names in os.walk(work_dir):
        for name in names:
            path = Path(folder, name)
            status = path.lstat()
            relative = path.relative_to(work_dir).as_posix()
            listing[relative] = [status.st_size, status.st_mtime_ns, status.st_ino, None]
    return listing


@dataclass
class Study:
    """A workspace and jobs of it, which write files and are published."""

    instance: Path
    limits: Level4Limits = field(default_factory=Level4Limits)
    jobs: int = 0

    @property
    def roots(self):
        return Roots.of(self.instance)

    @property
    def high(self):
        return self.roots.high / "ws"

    @property
    def level4(self):
        return self.roots.level4 / "ws"

    def work_dir(self, files):
        work_dir = self.instance / "work" / f"{self.jobs:016}-001"
        self.write(work_dir, files)
        return work_dir

    def write(self, folder, files):
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data if isinstance(data, bytes) else data.encode())

    def facts(self, action="tables", **changes):
        job = f"{self.jobs:016}"
        given = {
            "workspace": "ws",
            "job": job,
            "request": "request-1",
            "attempt": f"{job}-001",
            "action": action,
            "user": "ada",
            "repo": "https://example.org/study",
            "commit": "c" * 40,
            "actions": frozenset({"extract", "tables", "figures"}),
            "exit_code": 0,
        }
        return JobFacts(**{**given, **changes})

    def run(self, files, outputs=None, action="tables", inputs=None, log=LOG, **changes):
        """Runs a job that writes `files` {path: bytes}; each is an output, moderately sensitive unless `outputs` says."""
        self.jobs += 1
        work_dir = self.work_dir({})
        self.write(work_dir, files)
        outputs = outputs or {MODERATELY: {path: path for path in files}}
        collected = collect(work_dir, {}, outputs, inputs or {})
        return publish(self.roots, self.facts(action, **changes), work_dir, collected, self.limits, log)


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path / "instance")


@pytest.fixture
def work_dir(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder
