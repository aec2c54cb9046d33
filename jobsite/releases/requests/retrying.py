"""When an upload is tried again, and when a person has to look at it (specification 2.7). Pure."""

from datetime import timedelta

from jobsite.releases.rules import says_already_uploaded, says_removed

FIRST_DELAYS = (30, 120, 600, 1800)
"""Seconds to the next attempt after the first failures; from then on an hour, give or take a fifth."""
HOURLY, JITTER = 3600, 0.2
MOST_ATTEMPTS = 24

NO_ANSWER = 0
"""The status where there was none: the other side could not be reached, or did not answer in time."""
_LATER = (408, 425, 429)


def is_success(status: int, detail: str, path: str) -> bool:
    """Whether an answer means that nothing is left to do: what was sent is there, or was already, or is not wanted any more
    since somebody removed it on the other side before it arrived.
    """
    settled = says_already_uploaded(path, detail) or says_removed(path, detail)
    return status in (200, 201) or (status == 400 and bool(path) and settled)


def is_retried(status: int, attempts: int) -> bool:
    """Whether the uploader tries again by itself after an answer of this status at attempt number `attempts`."""
    return attempts < MOST_ATTEMPTS and (status == NO_ANSWER or status in _LATER or status >= 500)


def delay(attempts: int, spread: float) -> timedelta:
    """How long to wait after `attempts` failed ones; `spread` from -1 to 1 moves the hourly ones apart."""
    if attempts <= len(FIRST_DELAYS):
        return timedelta(seconds=FIRST_DELAYS[attempts - 1])
    return timedelta(seconds=HOURLY * (1 + JITTER * spread))


def error_words(status: int, detail: str) -> str:
    """What went wrong, in a sentence for the page."""
    if status == NO_ANSWER:
        return f"The other side cannot be reached: {detail or 'no answer'}."
    if status == 403:
        return "The other side does not accept the person in whose name this is sent. Another checker can continue the upload."
    if status >= 500 or status in _LATER:
        return f"The other side cannot take it now ({status})."
    return f"The other side refused it: {detail or status}."
