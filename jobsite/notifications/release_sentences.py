"""What news of release requests and publications says.

Facts are the workspace, the id, people's names, the status and numbers: never the name of a file or group, a reason, a
comment, a value or a column (specification of output checking, section 12). What they leave out is read on the pages.
"""

from jobsite.core.wording import counted
from jobsite.notifications.sentences import Facts, Worded


def submitted(facts: Facts) -> Worded:
    """Files wait for output checkers."""
    again = " again" if facts["turn"] > 1 else ""
    return _request(
        facts,
        f"{_what(facts)} waits for reviews{again}",
        f"{facts['by']} asked{again} for outputs of the workspace {facts['workspace']} to be released.",
    )


def reviewed(facts: Facts) -> Worded:
    """A review is in. Whose it is and what it says is told nobody."""
    done, needed = facts["reviews"], facts["needed"]
    return _request(
        facts,
        f"{_what(facts)}: {done} of {counted(needed, 'review')} in",
        "All reviews are in, and checkers decide now." if done >= needed else "Another review is needed.",
    )


def returned(facts: Facts) -> Worded:
    """The author has to do something."""
    return _request(
        facts,
        f"{_what(facts)} was returned",
        f"{facts['by']} returned the release request to its author. The reason stands on its page, on the secure server.",
    )


def rejected(facts: Facts) -> Worded:
    """It will not be released."""
    return _request(
        facts,
        f"{_what(facts)} was rejected",
        f"{facts['by']} rejected the release request. The reason stands on its page, on the secure server.",
    )


def withdrawn(facts: Facts) -> Worded:
    """The author does not ask any more."""
    return _request(facts, f"{_what(facts)} was withdrawn", f"{facts['by']} withdrew the release request.")


def released(facts: Facts) -> Worded:
    """The files can be seen by the members of the project."""
    return Worded(
        f"{_what(facts)} was released",
        (
            f"Outputs of the workspace {facts['workspace']} have been released. Members of the project can see them.",
        ),
        f"/{facts['workspace']}/releases/{facts['request']}/",
        "Open the release",
    )


def recalled(facts: Facts) -> Worded:
    """Released files must not be used any more."""
    return Worded(
        f"{_what(facts)} was recalled: delete your copies",
        (
            f"{facts['by']} recalled {'the whole release' if facts['whole'] else counted(facts['files'], 'file')}.",
            "Delete what you have downloaded, and use none of it. The reason stands on the page of the release.",
        ),
        f"/{facts['workspace']}/releases/{facts['request']}/",
        "Open the release",
    )


def upload_stuck(facts: Facts) -> Worded:
    """An approved release does not arrive."""
    return _request(
        facts,
        f"{_what(facts)} does not arrive",
        f"Its upload was given up after {counted(facts['attempts'], 'attempt')}. Its page says why and what to do.",
    )


def drafted(facts: Facts) -> Worded:
    """A draft waits for a publisher."""
    return _publication(
        facts,
        f"A draft publication of {facts['workspace']} waits",
        f"{facts['by']} asked for outputs of the workspace {facts['workspace']} to be published.",
    )


def published(facts: Facts) -> Worded:
    """Everybody can see it."""
    return _publication(
        facts,
        f"Outputs of {facts['workspace']} were published",
        f"{facts['by']} published them: everybody can see them now.",
    )


def not_published(facts: Facts) -> Worded:
    """A publisher decided against it."""
    return _publication(
        facts,
        f"A draft publication of {facts['workspace']} was not published",
        f"{facts['by']} decided against it. The reason stands on its page.",
    )


def unpublished(facts: Facts) -> Worded:
    """It was public and is not any more."""
    return _publication(
        facts,
        f"A publication of {facts['workspace']} was withdrawn",
        f"{facts['by']} withdrew it: only members of the project see it now. The reason stands on its page.",
    )


def _what(facts: Facts) -> str:
    return f"[{facts['workspace']}] release request {facts['request']}"


def _request(facts: Facts, subject: str, sentence: str) -> Worded:
    return Worded(subject, (sentence,), f"/requests/{facts['request']}/", "Open the release request")


def _publication(facts: Facts, subject: str, sentence: str) -> Worded:
    path = f"/{facts['workspace']}/outputs/{facts['publication']}/"
    return Worded(subject, (sentence,), path, "Open the publication")
