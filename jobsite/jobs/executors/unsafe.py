"""The executor `unsafe` (setting EXECUTOR_UNSAFE): the records and the log of the sandbox, but no walls.

For trying things out on machines where no sandbox can be made. A job can read what its user can read, reach
the network, and outlive a supervisor that is killed. It still never runs as root.
"""

from jobsite.jobs.executors.sandbox import Sandbox


class Unsafe(Sandbox):
    """Runs attempts as plain processes of this machine."""

    name = "unsafe"

    def available(self) -> str | None:
        """None: nothing is needed."""
        return None
