"""What a benchmark gives."""

from dataclasses import dataclass


@dataclass
class Figure:
    """One measured number with its unit, and its goal (None where there is none): the most it should be, or the least
    where more is better."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    more_is_better: bool = False

    @property
    def missed(self) -> bool:
        """Whether it has a goal that it does not reach."""
        if self.goal is None:
            return False
        return self.value < self.goal if self.more_is_better else self.value > self.goal
