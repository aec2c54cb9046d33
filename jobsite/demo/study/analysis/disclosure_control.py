"""The rules that make a count safe to show. Every table and figure of this study uses them.

Order matters: small counts are hidden first, then the rest is rounded. Rounding first would turn a 7 into a 5
and an 8 into a 10, and a reader could no longer tell that a small count had to be hidden.
"""

SMALL = 7  # counts of 1 to 7 are hidden
BASE = 5  # the others are rounded to a multiple of 5
HIDDEN = "[REDACTED]"


def safe_count(count):
    """The count as it may be shown: 0, a multiple of 5, or "[REDACTED]"."""
    if 1 <= count <= SMALL:
        return HIDDEN
    return BASE * round(count / BASE)


def safe_ratio(numerator, denominator, per=1, digits=2):
    """A rate or percentage worked out from counts that are safe already; hidden when one of them is."""
    if HIDDEN in (numerator, denominator) or denominator == 0:
        return HIDDEN
    return f"{per * numerator / denominator:.{digits}f}"


def safe_total(counts):
    """The sum of the counts that are shown, so that a hidden one cannot be found by subtraction."""
    return sum(count for count in counts if count != HIDDEN)
