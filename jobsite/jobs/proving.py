"""A workspace's manifest held against the records of its jobs, and written anew from them."""

from dataclasses import dataclass

from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.jobs.executors.contract import Exit
from jobsite.jobs.models import Attempt, Job
from jobsite.jobs.rules import CODES
from jobsite.jobs.store_facts import facts_of
from jobsite.projects.models import Workspace
from jobsite.settings import current
from jobsite.store import manifest as manifests
from jobsite.store import metadata
from jobsite.store.facts import Published
from jobsite.store.journal import resume_workspace
from jobsite.store.manifest import DamagedManifest, Manifest
from jobsite.store.proof import Publication, differences, faults_of_files, proven
from jobsite.store.roots import Roots, locked


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a workspace's manifest (`entries`: a repair mends it), and with its files (it does not)."""

    entries: tuple[str, ...]
    files: tuple[str, ...]
    lost_records: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether manifest, files and records say the same."""
        return not (self.entries or self.files or self.lost_records)


def examine(workspace: Workspace) -> Verdict:
    """Compare manifest, files and records. Nothing is published in the workspace meanwhile; nothing is changed."""
    roots = Roots.of(current().instance)
    with locked(roots, workspace.name):
        there, damage = _manifest(roots, workspace)
        proof, lost = _proof(roots, workspace, there)
        entries = (*damage, *differences(there, proof))
        return Verdict(tuple(entries), tuple(faults_of_files(roots, workspace.name, proof)), lost)


def repair(*, by: str, workspace: Workspace) -> Verdict:
    """Finish what was cut off, and write the manifest that the records prove; gives what was found before.

    Files are not touched: an output that is missing is made again by running its action. Raises OSError.
    """
    roots = Roots.of(current().instance)
    with locked(roots, workspace.name):
        there, damage = _manifest(roots, workspace)
        if not damage:
            resume_workspace(roots, workspace.name)
            there, damage = _manifest(roots, workspace)
        proof, lost = _proof(roots, workspace, there)
        entries = (*damage, *differences(there, proof))
        if entries:
            manifests.write(roots.level4_of(workspace.name), proof)
            with writing():
                facts = {"mended": len(entries), "lost_records": len(lost)}
                record("workspace:manifest-repaired", by=by, subject=f"workspace:{workspace.name}", **facts)
        return Verdict(tuple(entries), tuple(faults_of_files(roots, workspace.name, proof)), lost)


def _manifest(roots: Roots, workspace: Workspace) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest as it is, or an empty one and why it cannot be read."""
    try:
        return manifests.read(roots.level4_of(workspace.name), workspace.name), ()
    except DamagedManifest as damage:
        return {"workspace": workspace.name, "repo": None, "outputs": {}}, (str(damage),)


def _proof(roots: Roots, workspace: Workspace, there: Manifest) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest that the records prove, and the jobs that succeeded whose record is lost."""
    jobs = Job.select().where((Job.workspace == workspace) & (Job.state == "succeeded"))
    found, lost = [], []
    for job in jobs.order_by(Job.completed_at, Job.id):
        published = _publication(roots, job)
        if published is None:
            lost.append(job.identifier)
        else:
            found.append(published)
    found.sort(key=lambda pair: pair[0])
    return proven(there, (publication for _, publication in found), set(lost)), tuple(lost)


def _publication(roots: Roots, job: Job) -> tuple[int, Publication] | None:
    """When a job has published what (nanoseconds since 1970, by its record); None where the record is lost."""
    for attempt in Attempt.select().where(Attempt.job == job).order_by(Attempt.number.desc()):
        kept = metadata.read(roots, job.identifier, attempt.identifier)
        if kept is not None and "files" in kept:
            facts = facts_of(job, attempt, Exit("exited", exit_code=0), CODES["succeeded"].sentence)
            files = {path: Published(**file) for path, file in kept["files"].items()}
            return kept["timestamp_ns"], Publication(facts, files)
    return None
