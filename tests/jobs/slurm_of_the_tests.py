"""A Slurm of the tests' own: a controller and two nodes, all on this machine, with nothing of it touched.

It takes root and a second or two for each job, so it is for those who ask for it: `make slurm`.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

IS_WANTED = os.environ.get("TEST_SLURM") == "1"
NOT_WANTED = "Slurm is tested by `make slurm`, which takes three minutes"
SECONDS = 120
DAEMONS = ("munged", "slurmctld", "slurmd")
CONFIGURATION = """
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=slurm
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool_%n
SlurmctldPidFile={folder}/log/slurmctld.pid
SlurmdPidFile={folder}/log/slurmd_%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd_%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
MinJobAge=300
KillWait=5
SlurmctldTimeout=5
SlurmdTimeout=10
MessageTimeout=5
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={first} CPUs=8 RealMemory=16000
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={second} CPUs=8 RealMemory=16000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=UNLIMITED State=UP
"""


class Cluster:
    """The daemons, each of which a test may stop and start again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "munge" / "key"
        for name, user in (("munge", "munge"), ("state", "slurm"), ("log", "slurm")):
            (folder / name).mkdir()
            shutil.chown(folder / name, user)
        ports = dict(zip(("controller", "first", "second"), _free_ports(3), strict=True))
        (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, **ports))

    def start(self) -> None:
        """All of it; returns when both nodes can take jobs."""
        self.key.write_bytes(os.urandom(1024))
        shutil.chown(self.key, "munge")
        self.key.chmod(0o400)
        place = f"{self.folder}/munge"
        files = [f"--{name}-file={place}/{name}" for name in ("key", "pid", "log", "seed")]
        user = pwd.getpwnam("munge")
        subprocess.run(
            ["/usr/sbin/munged", f"--socket={place}/munge.sock", *files],
            check=True,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
        )
        self.start_controller()
        for node in ("n1", "n2"):
            self.start_node(node)
        self.until(lambda: self.said("sinfo", "-h", "-N", "-o", "%T") == "idle\nidle")

    def start_controller(self) -> None:
        """The one that hands out jobs."""
        subprocess.run(["/usr/sbin/slurmctld"], check=True, capture_output=True)
        self.until(lambda: "UP" in self.said("scontrol", "ping"))

    def start_node(self, name: str) -> None:
        """The daemon of a node."""
        subprocess.run(["/usr/sbin/slurmd", "-N", name], check=True, capture_output=True)

    def kill(self, daemon: str, number: int = signal.SIGKILL) -> None:
        """Ends `slurmctld` or `slurmd_n1`; jobs go on."""
        pid = int((self.folder / "log" / f"{daemon}.pid").read_text())
        os.kill(pid, number)
        self.until(lambda: not Path(f"/proc/{pid}").exists())

    def stop(self) -> None:
        """All of it."""
        self.said("scancel", "--user=root")
        self.until(lambda: not self.said("squeue", "--noheader"))
        for file in (*(self.folder / "log").glob("*.pid"), self.folder / "munge" / "pid"):
            if file.exists():
                os.kill(int(file.read_text()), signal.SIGTERM)
        self.until(lambda: not list(_processes_of(self.folder)))
        for step in _steps_of(self.folder):  # it may still try to tell a controller that was away
            os.kill(step, signal.SIGKILL)

    def said(self, *words: str) -> str:
        """What a program of Slurm says."""
        return subprocess.run(words, check=False, capture_output=True, text=True).stdout.strip()

    def until(self, condition: Callable[[], object]) -> None:
        """Waits until it holds."""
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, "waited too long for the cluster"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Slurm with two idle nodes, which all of its programs find by the environment."""
    missing = [name for name in DAEMONS if shutil.which(name, path="/usr/sbin:/usr/bin") is None]
    if missing or os.geteuid() != 0:
        pytest.skip("Slurm is tested as root and where it is installed (apt-get install slurm-wlm munge)")
    folder = Path(tempfile.mkdtemp(prefix="jobsite-slurm-"))
    folder.chmod(0o755)
    made = Cluster(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        made.start()
        yield made
        made.stop()
    shutil.rmtree(folder)


def _free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


def _processes_of(folder: Path) -> Iterator[int]:
    """The daemons that were started with this folder's configuration: told by their pid files."""
    for file in (*(folder / "log").glob("*.pid"), folder / "munge" / "pid"):
        if file.exists() and (pid := file.read_text().strip()) and Path(f"/proc/{pid}").exists():
            yield int(pid)


def _steps_of(folder: Path) -> Iterator[int]:
    """The processes that looked after a job of this cluster: told by the log that they hold open."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (place / "comm").read_text().strip() == "slurmstepd":
                held = [os.readlink(one) for one in (place / "fd").iterdir()]
                if any(one.startswith(f"{folder}/") for one in held):
                    yield int(place.name)
