"""The command line of a container engine, podman or docker: what a job's container may do and see, and the few
questions asked about it (§4.2; docs/executors.md).

An engine holds containers by name. The name of an attempt's container follows from its work directory alone,
so that it is found again after any crash.
"""

import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
from typing import Any

from jobsite.jobs.executors.bubblewrap import WORKSPACE, scratch_bytes
from jobsite.jobs.executors.contract import AttemptSpec

ENGINES = ("podman", "docker")
LONGEST_ANSWER = 60.0
_LABEL = "jobsite"
_SETPRIV = "/usr/bin/setpriv"
_OPEN_FILES = 4096
# Outside a user namespace of its own the kernel counts all processes of a user together; the engine's limit is
# the exact one.
_SHARED_USER_PROCESSES = 16384
_LIKELY_VICTIM = "500"
# What the client needs of the server's environment to find its engine and its images; everything else of it,
# secrets first, stays away from the client and so from what it gives to containers by itself.
_OF_THE_CLIENT = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR")
_FOR_THE_CLIENT = ("XDG_", "CONTAINER", "DOCKER_", "DBUS_", "STORAGE_", "LD_", "GO", "SSL_", "_CONTAINERS_")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_CONSTANTS = {"HOME": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC"}  # noqa: S108 - inside the container, private to it
# Where the two differ. Podman hands the supervisor's pipes straight to the program; docker has to carry the
# output through the client, and keeps no second copy of it.
_OWN_WORDS = {
    "podman": (
        "--log-driver=passthrough",
        "--read-only-tmpfs=false",
        "--http-proxy=false",
        "--image-volume=ignore",
    ),
    "docker": ("--log-driver=none",),
}
_REMOVE_WORDS = {"podman": ("--force", "--volumes", "--time=0"), "docker": ("--force", "--volumes")}
_GONE = re.compile(r"no such container|no container with", re.IGNORECASE)


class EngineFailed(Exception):
    """The engine did not do what it was asked; the text tells operators why."""


def path(engine: str) -> str | None:
    """Where the program of this engine is, or None."""
    return shutil.which(engine, path=_search_path()) if engine in ENGINES else None


def name(work_dir: str) -> str:
    """The name of the container around this work directory: one for every attempt of every instance (B44)."""
    place = os.path.abspath(work_dir)
    attempt = re.sub(r"[^A-Za-z0-9_.-]", "-", os.path.basename(place))
    return f"{_prefix(os.path.dirname(place))}{attempt}"


def run_command(spec: AttemptSpec, pid_file: str) -> list[str]:
    """The words that start the container of the spec's image and stay until it has ended.

    The client ends with the process that started it: a supervisor that is killed leaves no client that could
    start the program later. Raises EngineFailed for a name in the environment that the client would take for
    itself, and for a work directory that cannot be named to an engine.
    """
    if ":" in spec.work_dir:
        raise EngineFailed(f"containers cannot be given a folder with a colon in its name: {spec.work_dir}")
    own = ("--pidfile", pid_file) if spec.engine == "podman" else ()
    return [
        *(_SETPRIV, "--pdeathsig", "KILL", "--", _program(spec.engine)),
        *(
            "run",
            "--name",
            name(spec.work_dir),
            "--pull=never",
            "--init",
            "--sig-proxy=false",
            "--hostname=job",
            *own,
        ),
        *_OWN_WORDS[spec.engine],
        *_walls(spec),
        *_limits(spec),
        *_labels(spec),
        *_environment_words(spec),
        *("--volume", f"{os.path.abspath(spec.work_dir)}:{WORKSPACE}:rw,Z", "--workdir", WORKSPACE),
        spec.image,
        *spec.argv,
    ]


def run_environment(spec: AttemptSpec) -> dict[str, str]:
    """The environment of that client: the values that `--env NAME` takes from it, beside its own."""
    return {**spec.environment, **_client_environment()}


def call(engine: str, *words: str, seconds: float = LONGEST_ANSWER) -> str:
    """Asks the engine; gives what it wrote. Raises EngineFailed with its own words."""
    return _run([_program(engine), *words], seconds)


def _run(command: list[str], seconds: float) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_client_environment(),
            cwd="/",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise EngineFailed(str(problem)) from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-1000:]
        raise EngineFailed(said or f"{' '.join(command[:2])} ended with {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


def pull(engine: str, image: str) -> subprocess.Popen[bytes]:
    """Begins to fetch an image from its registry. What the client says on standard error tells why it fails."""
    proxies = {key: value for key, value in os.environ.items() if key.lower() in _PROXIES}
    return subprocess.Popen(
        [_SETPRIV, "--pdeathsig", "KILL", "--", _program(engine), "pull", "--quiet", image],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**_client_environment(), **proxies},
        cwd="/",
    )


def pinned(engine: str, image: str) -> str | None:
    """An image of this machine by its digest, which names the same bytes for ever: `repository@sha256:…`, or
    `sha256:…` for one that never was in a registry. None when it is not here. Raises EngineFailed."""
    try:
        facts = json.loads(call(engine, "image", "inspect", image))[0]
    except EngineFailed as problem:
        if re.search(r"no such image|image not known|failed to find image", str(problem), re.IGNORECASE):
            return None
        raise
    repository = re.sub(r":[^:/]*$", "", image)
    known = [one for one in facts.get("RepoDigests") or () if one.startswith(f"{repository}@sha256:")]
    return known[0] if known else f"sha256:{facts['Id'].removeprefix('sha256:')}"


def state(engine: str, container: str) -> dict[str, Any] | None:
    """What the engine knows of a container (`Running`, `ExitCode`, `OOMKilled`, `Pid`, `StartedAt`, …), or None
    when there is none of this name. Raises EngineFailed."""
    facts = _inspect(engine, container)
    return None if facts is None else facts["State"]


def identity(engine: str, container: str) -> str | None:
    """The id by which engine and runtime know a container, or None when there is none of this name. Raises
    EngineFailed."""
    facts = _inspect(engine, container)
    return None if facts is None else str(facts["Id"])


def forget(engine: str, known: str) -> None:
    """Takes away what the runtime below podman still has of a container that podman has removed (state, control
    groups); that of docker belongs to a service which does so by itself. Raises EngineFailed."""
    if engine != "podman":
        return
    runtime = call(engine, "info", "--format", "{{.Host.OCIRuntime.Path}}").strip()
    _run([runtime, "delete", "--force", known], LONGEST_ANSWER)


def _inspect(engine: str, container: str) -> dict[str, Any] | None:
    try:
        return json.loads(call(engine, "container", "inspect", container))[0]
    except EngineFailed as problem:
        if _GONE.search(str(problem)):
            return None
        raise


def signal(engine: str, container: str, number: str) -> None:
    """Sends a signal, such as TERM, to a container. Raises EngineFailed, also when it does not run."""
    call(engine, "kill", f"--signal={number}", container)


def remove(engine: str, container: str) -> None:
    """Ends a container and removes it with all it wrote outside the work directory. One that is not there is
    as good as removed. Raises EngineFailed."""
    try:
        call(engine, "rm", *_REMOVE_WORDS[engine], container)
    except EngineFailed as problem:
        if not _GONE.search(str(problem)):
            raise


def attempts(engine: str, work_root: str) -> list[str]:
    """The attempts of the instance with this folder of work directories that have a container, running or not.
    Raises EngineFailed."""
    root = os.path.abspath(work_root)
    mark = f"label={_LABEL}.instance={_digest(root)}"
    names = call(engine, "ps", "--all", "--filter", mark, "--format", "{{.Names}}").split()
    return sorted(one.removeprefix(_prefix(root)) for one in names if one.startswith(_prefix(root)))


def job_user(spec: AttemptSpec) -> tuple[int, int]:
    """User and group of the job as the engine's kernel sees them: without root they are the server's own, and
    podman shows them to the job as those of the spec."""
    return spec.user if os.geteuid() == 0 or spec.engine == "podman" else (os.geteuid(), os.getegid())


def _walls(spec: AttemptSpec) -> list[str]:
    uid, gid = job_user(spec)
    size = scratch_bytes(spec)
    mapped = [f"--userns=keep-id:uid={uid},gid={gid}"] if spec.engine == "podman" and os.geteuid() else []
    return [
        *(
            f"--network={spec.network or 'none'}",
            "--ipc=private",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--read-only",
        ),
        *(f"--user={uid}:{gid}", *mapped, f"--shm-size={size}"),
        f"--tmpfs=/tmp:rw,exec,nosuid,nodev,size={size},mode=1777",
    ]


def _limits(spec: AttemptSpec) -> list[str]:
    limits = spec.limits
    shared = _SHARED_USER_PROCESSES if os.geteuid() == 0 or spec.engine == "docker" else 0
    own = {
        "nofile": (resource.RLIMIT_NOFILE, _OPEN_FILES),
        "nproc": (resource.RLIMIT_NPROC, limits.processes + shared),
        "fsize": (resource.RLIMIT_FSIZE, limits.disk_bytes),
        "core": (resource.RLIMIT_CORE, 0),
    }
    words = [f"--oom-score-adj={_LIKELY_VICTIM}"]
    if _can_limit(spec.engine):
        words += [f"--memory={limits.memory_bytes}", f"--memory-swap={limits.memory_bytes}"]
        words += [f"--cpus={limits.cpus:g}", f"--pids-limit={limits.processes}"]
    for key, (which, value) in own.items():
        most = resource.getrlimit(which)[1]
        allowed = value if most == resource.RLIM_INFINITY else min(value, most)
        words.append(f"--ulimit={key}={allowed}:{allowed}")
    return words


def _can_limit(engine: str) -> bool:
    """Whether the engine can make control groups: podman without root needs version 2, and says so in the log of
    every job that asks for them on version 1."""
    return os.geteuid() == 0 or engine == "docker" or os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def _labels(spec: AttemptSpec) -> list[str]:
    root = os.path.dirname(os.path.abspath(spec.work_dir))
    labels = {**spec.labels, "attempt": spec.attempt, "instance": _digest(root)}
    return [f"--label={_LABEL}.{key}={value}" for key, value in labels.items()]


def _environment_words(spec: AttemptSpec) -> list[str]:
    """The constants by value, everything else by name alone: the client takes the values from its own
    environment, lines of text and all, and none stands on a command line."""
    for key in spec.environment:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) or _is_of_the_client(key):
            raise EngineFailed(
                f"the variable {key} cannot be given to a container: it would steer the engine"
            )
    constants = (f"--env={key}={value}" for key, value in _CONSTANTS.items() if key not in spec.environment)
    return [*constants, *(f"--env={key}" for key in spec.environment)]


def _client_environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if _is_of_the_client(key)}
    return {**kept, "PATH": _search_path(), "LC_ALL": "C"}


def _is_of_the_client(key: str) -> bool:
    return key in (*_OF_THE_CLIENT, "LC_ALL") or key.startswith(_FOR_THE_CLIENT)


def _search_path() -> str:
    return "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:" + os.environ.get("PATH", "")


def _program(engine: str) -> str:
    found = path(engine)
    if found is None:
        raise EngineFailed(f"{engine} is not installed")
    return found


def _prefix(work_root: str) -> str:
    return f"jobsite-{_digest(work_root)}-"


def _digest(place: str) -> str:
    return hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
