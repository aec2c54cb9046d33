"""What an answer of the public side means for a caller that only goes on when it went well."""

from typing import Any

from jobsite.sync.client import Answer, Unreachable


class NotNow(Unreachable):
    """The public side answered, but did not do what was asked; `seconds` is for how long it wants to be left alone."""

    def __init__(self, sentence: str, seconds: float = 0.0) -> None:
        super().__init__(sentence)
        self.seconds = seconds


def sound(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer of status 200. Raises `NotNow` for any other: 200 alone may come from a proxy."""
    if answer.status != 200:
        said = f"The public side answered with status {answer.status}: {answer.detail}"
        raise NotNow(said.rstrip(": "), answer.retry_after)
    if not isinstance(answer.data, dict):
        raise NotNow("What answers at the address of the public side is not the public side.")
    return answer.data
