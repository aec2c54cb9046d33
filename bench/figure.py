"""What a benchmark gives."""

from dataclasses import dataclass


@dataclass
class Figure:
    """One measured number with its unit, and the most it should be (None where there is no goal)."""

    name: str
    value: float
    unit: str
    goal: float | None = None
