"""What news of release requests that are reviewed elsewhere says. Facts are the workspace, the id, names, and lines as they
were told."""

from collections.abc import Callable

from jobsite.core.wording import counted
from jobsite.notifications.sentences import Facts, Worded

_SUBJECTS = {
    "approved": "Release request approved for workspace {workspace}",
    "released": "Files released for workspace {workspace}",
    "rejected": "Release request rejected: {workspace} ({request})",
    "returned": "Release request returned: {workspace} ({request})",
}
"""As the specification has them (11.2)."""
_AT_THE_RELEASE = ("approved", "released", "recalled")


def told(what: str) -> Callable[[Facts], Worded]:
    """The words of a step: `what` was done with the request."""

    def words(facts: Facts) -> Worded:
        subject = _SUBJECTS.get(what, f"Release request {what}: {{workspace}} ({{request}})")
        by = f" by {facts['by']}" if facts.get("by") else ""
        first = (
            f"The release request {facts['request']} of the workspace {facts['workspace']} was {what}{by}."
        )
        workspace = f"/{facts['workspace']}/"
        is_there = what in _AT_THE_RELEASE
        return Worded(
            subject.format(**facts),
            (first, *facts.get("updates", ())),
            f"{workspace}releases/{facts['request']}/" if is_there else workspace,
            "Open the release" if is_there else "Open the workspace",
        )

    return words


def released_elsewhere(facts: Facts) -> Worded:
    """Files were released by another way."""
    return Worded(
        f"{counted(facts['files'], 'file')} released from {facts['backend']}",
        (f"{facts['by']} released {counted(facts['files'], 'file')} of {facts['path']}.",),
        "/status/",
        "See the backends",
    )
