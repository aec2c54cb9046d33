"""Why a job request from elsewhere cannot be turned into jobs: a fixed list, so that nothing else gets out this way.

Each sentence may be shown to anybody; what comes after it in a request's message stays on the secure side.
"""

from dataclasses import dataclass

from jobsite.jobs.rules import CODES


@dataclass(frozen=True)
class Refusal:
    """A reason: the status code that stands for it on the wire, and its sentence."""

    code: str
    sentence: str


NOT_ALLOWED = Refusal("job_error", "The repository may not be used on this backend.")
NO_BRANCH = Refusal("job_error", "Could not find branch.")
NO_COMMIT = Refusal("job_error", "Could not find commit on branch.")
NO_FILE = Refusal("job_error", "No project.yaml file could be read at this commit.")
BAD_FILE = Refusal("job_error", "The project.yaml at this commit is not valid.")
ARCHIVED = Refusal("job_error", "The workspace has been archived.")
ACTIONS = Refusal("job_error", "The requested actions cannot be run on this backend.")
DATA = Refusal("job_error", "The project does not have permission to use this data.")
STALE = Refusal("stale_codelists", "Codelists are out of date.")
IMPOSSIBLE = Refusal("job_error", "This backend cannot take the request. Its operators have been told.")
UNREACHABLE = Refusal(
    "internal_error",
    "The repository could not be reached from this backend for a day. Ask for it again later.",
)
PLATFORM = Refusal("internal_error", CODES["internal_error"].sentence)

REFUSALS = (
    NOT_ALLOWED,
    NO_BRANCH,
    NO_COMMIT,
    NO_FILE,
    BAD_FILE,
    ARCHIVED,
    ACTIONS,
    DATA,
    STALE,
    IMPOSSIBLE,
    UNREACHABLE,
    PLATFORM,
)


def refusal_in(message: str) -> Refusal:
    """The reason with which the message of a failed request begins; a fault of the platform for any other message."""
    return next((one for one in REFUSALS if message.startswith(one.sentence)), PLATFORM)
