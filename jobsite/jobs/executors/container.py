"""The executor `container`: images run by podman or docker, each under a supervisor process of its own
(settings EXECUTOR, CONTAINER_PROGRAM).

The verbs and what they promise are those of `contract.Executor`.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace

from jobsite.jobs.executors import containing, oci
from jobsite.jobs.executors.contract import AttemptSpec, Exit, Refused, Sweep
from jobsite.jobs.executors.sandbox import Sandbox
from jobsite.jobs.executors.starting import NotStarted

_NOTHING_TO_EXECUTE = "failed to exec"


class Container(Sandbox):
    """Runs attempts in containers of this machine. Holds no state, as the sandbox does not."""

    name = "container"

    def __init__(self, engine: str = "podman") -> None:
        self._engine = engine

    def available(self) -> str | None:
        """A sentence why no container can be run here, or None."""
        if oci.path(self._engine) is None:
            return (
                f"{self._engine.capitalize()} is missing, so no job can be run here; install it, or choose another "
                "EXECUTOR or CONTAINER_PROGRAM."
            )
        said = self._try()
        return said and f"No container can be run on this machine ({said})."

    def launch(self, spec: AttemptSpec) -> None:
        """As the sandbox does, by this engine. Raises Refused."""
        super().launch(replace(spec, engine=self._engine))

    def sweep(
        self, work_root: str | os.PathLike[str], active: Callable[[], set[str]], *, dry_run: bool = False
    ) -> Sweep:
        """Removes the containers that no active attempt owns, also those whose directory is gone, then the
        directories."""
        failed: list[tuple[str, str]] = []
        left_behind: set[str] = set()
        try:
            found = set(oci.attempts(self._engine, os.fspath(work_root)))
            left_behind = found - active()
            for attempt in () if dry_run else left_behind:
                self._end_left_behind(os.path.join(work_root, attempt))
        except (oci.EngineFailed, Refused) as problem:
            failed.append(("containers", str(problem)))
        swept = super().sweep(work_root, active, dry_run=dry_run)
        removed = {*swept.removed, *left_behind} if dry_run else swept.removed
        return Sweep(tuple(sorted(removed)), (*failed, *swept.failed))

    def _programs(self, spec: AttemptSpec) -> tuple[str, ...]:
        return ()

    def _may_have_left(self, end: Exit | None) -> bool:
        # The engine may still hold a container whose client has ended: only it can tell.
        return True

    def _end_left_behind(self, work_dir: str) -> None:
        try:
            containing.end_left_behind(self._engine, work_dir)
        except NotStarted as problem:
            raise Refused(f"{problem}.") from None

    def _try(self) -> str | None:
        """None when the engine works. Podman is also made to set up a container with all its walls, of an empty
        folder: that nothing in it can be executed shows that everything before has worked."""
        try:
            if self._engine == "docker":
                oci.call("docker", "version", "--format", "{{.Server.Version}}")
                return None
            with tempfile.TemporaryDirectory(prefix="jobsite-") as folder:
                work_dir = os.path.join(folder, "work", "trial")
                os.makedirs(work_dir)
                image = os.path.join(folder, "image")
                os.mkdir(image)
                argv = ("/nothing",)
                return _trial(
                    AttemptSpec("trial", folder, work_dir, "", "", argv, image=f"{image}:O", engine="podman")
                )
        except oci.EngineFailed as problem:
            return str(problem)


def _trial(spec: AttemptSpec) -> str | None:
    words = oci.run_command(spec, os.path.join(spec.attempt_dir, "pid"))
    try:
        oci.call(spec.engine, "run", "--rm", "--rootfs", *words[words.index("run") + 1 :])
    except oci.EngineFailed as problem:
        return None if _NOTHING_TO_EXECUTE in str(problem) else str(problem)
    return None
