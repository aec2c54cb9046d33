"""What a column or row label calls itself: a count, a rate, a statistic, part of a model (specification 5.5). Pure."""

import re

COUNT, RATE, STATISTIC, MODEL = "count", "rate", "statistic", "model"
EXTREME, EDGE, DOF, TIME, LABEL, OTHER = "extreme", "edge percentile", "dof", "person-time", "label", "other"

DICTIONARY_ROLES = (COUNT, RATE, STATISTIC, MODEL, EXTREME, DOF, TIME, LABEL, OTHER)
"""What an author's column dictionary may say."""

TOTAL_WORDS = frozenset({"total", "all", "overall", "sum"})
MEASURE_LABELS = frozenset(
    {"measure", "statistic", "stat", "metric", "variable", "indicator", "quantity", "name", "key"}
)
"""Heads of columns whose cells say what the numbers beside them are."""

_COUNTS = frozenset(
    [
        "n",
        "num",
        "count",
        "counts",
        "freq",
        "frequency",
        "events",
        "event",
        "cases",
        "case",
        "patients",
        "people",
        "persons",
        "population",
        "denominator",
        "numerator",
        "total",
        "totals",
        "deaths",
        "pop",
        "den",
        "denom",
        "censored",
        "censor",
        "nobs",
        "observations",
        "participants",
        "individuals",
        "subjects",
        "admissions",
    ]
)
_RATES = frozenset(
    [
        "rate",
        "rates",
        "pct",
        "percent",
        "percentage",
        "perc",
        "prop",
        "proportion",
        "incidence",
        "prevalence",
        "ratio",
        "per",
        "fraction",
        "share",
    ]
)
_STATISTICS = frozenset(
    [
        "mean",
        "sd",
        "std",
        "stdev",
        "median",
        "iqr",
        "avg",
        "average",
        "variance",
        "var",
        "percentile",
        "quantile",
        "q1",
        "q3",
        "lq",
        "uq",
        "p5",
        "p10",
        "p25",
        "p50",
        "p75",
        "p90",
        "p95",
    ]
)
_MODELS = frozenset(
    [
        "coef",
        "coefficient",
        "coefficients",
        "estimate",
        "estimates",
        "beta",
        "se",
        "stderr",
        "ci",
        "lci",
        "uci",
        "lcl",
        "ucl",
        "conf",
        "pvalue",
        "hr",
        "irr",
    ]
)
_MODEL_NAMES = re.compile(
    r"(?:(?:adj|adjusted|unadj|unadjusted|crude|log)_)?(?:or|rr|hr|irr|aor|ahr|arr)(?:_.+)?|.+_(?:or|rr|hr|irr)|(?:.+_)?p_value(?:_.+)?"
    r"|p|p_val|(?:.+_)?(?:odds|hazard|risk|rate|relative)_(?:ratio|risk)(?:_.+)?|(?:.+_)?(?:std|standard)_(?:error|err)|z|statistic|(?:t|f|z)_value|chi2"
)
_PERCENTILE = re.compile(r"(\d{1,3}(?:\.\d{1,9})?) ?%")
_LAST_WORDS_OF_LABELS = frozenset(
    ["id", "code", "type", "date", "year", "month", "week", "index", "rank", "name"]
)
_NOT_GUESSED = frozenset(
    [
        "year",
        "month",
        "week",
        "day",
        "time",
        "age",
        "id",
        "index",
        "rank",
        "years",
        "months",
        "weeks",
        "days",
        "hours",
        "decile",
        "quintile",
        "quartile",
        "imd",
        "stage",
        "order",
        "dof",
        "df",
    ]
)
_NAMES_OF_CODES = frozenset(
    [
        "sex",
        "gender",
        "ethnicity",
        "region",
        "code",
        "category",
        "flag",
        "score",
        "threshold",
        "cutoff",
        "lag",
    ]
)
_TIMES = re.compile(
    r"(?:.+_)?(?:person|patient)_(?:years?|days?|months?|weeks?|time)(?:_.+)?|pyears?|pys?|(?:.+_)?follow_?up(?:_.+)?"
)
_NUMERATORS = frozenset(
    ["numerator", "num", "events", "event", "cases", "case", "deaths", "count", "counts", "freq", "frequency"]
)
_DENOMINATORS = frozenset(
    [
        "denominator",
        "den",
        "denom",
        "population",
        "pop",
        "total",
        "totals",
        "all",
        "overall",
        "at_risk",
        "n_risk",
    ]
)


def normalised(header: str) -> str:
    """Lower case, with runs of other characters as one `_`: "N (events)" is `n_events`."""
    return re.sub(r"[\W_]+", "_", header.casefold()).strip("_")


def named_role(header: str) -> str | None:
    """The role that the words of a header give, None where they give none."""
    name = normalised(header)
    words = name.split("_")
    found = frozenset(words)
    if percentile := _PERCENTILE.fullmatch(header.strip()):
        return EXTREME if float(percentile[1]) in (0, 100) else STATISTIC
    if found & {"dof", "df"} or "degrees_of_freedom" in name:
        return DOF
    if found & {"min", "max", "minimum", "maximum", "p0", "p100", "range"}:
        return EXTREME
    if found & {"p1", "p99"}:
        return EDGE
    if _TIMES.fullmatch(name) and not found & _RATES:  # a rate per person-years is no time
        return TIME
    bound = not found.isdisjoint(("lower", "upper")) and found.isdisjoint(_COUNTS)
    if bound or found & _MODELS or _MODEL_NAMES.fullmatch(name):
        return MODEL
    if found & _STATISTICS:
        return STATISTIC
    if found & _RATES or ("%" in header and not found & _COUNTS):
        return RATE
    return COUNT if _names_a_count(name, words, found) else None


def _names_a_count(name: str, words: list[str], found: frozenset[str]) -> bool:
    if words[-1] in _LAST_WORDS_OF_LABELS:
        return False
    at_risk = "at_risk" in name or name.startswith("number")
    return bool(found & _COUNTS) or at_risk or name in TOTAL_WORDS or "midpoint" in words[-1]


def is_label_name(name: str) -> bool:
    """Whether whole numbers under this normalised header are labels unless it names a count."""
    return not _NOT_GUESSED.isdisjoint(name.split("_")) or name in _NAMES_OF_CODES


def is_range(header: str) -> bool:
    """Whether an extreme is the distance of two others, not one of them."""
    return "range" in normalised(header).split("_")


def is_numerator_name(header: str) -> bool:
    """Whether a count so headed is the upper part of a rate."""
    return not _NUMERATORS.isdisjoint(normalised(header).split("_")) and not is_denominator_name(header)


def is_denominator_name(header: str) -> bool:
    """Whether a count so headed is the lower part of a rate."""
    name = normalised(header)
    return not _DENOMINATORS.isdisjoint(name.split("_")) or "at_risk" in name or "n_risk" in name


def stem(header: str) -> frozenset[str]:
    """The words of a header that do not say what kind of number it is: `pct_male` and `n_male` share `male`."""
    words = set(normalised(header).split("_"))
    return frozenset(
        words
        - _COUNTS
        - _RATES
        - TOTAL_WORDS
        - {"midpoint6", "derived", "rounded", "of", "number", "at", "risk", ""}
    )


def is_coefficient(name: str) -> bool:
    """Whether a model's column of this normalised name is an estimate."""
    words = set(name.split("_"))
    return bool(words & {"coef", "coefficient", "coefficients", "estimate", "estimates", "beta"}) or bool(
        words & {"or", "hr", "rr", "irr", "aor", "ahr", "ratio"} and not is_uncertainty(name)
    )


def is_uncertainty(name: str) -> bool:
    """Whether a model's column of this normalised name says how sure the estimate is."""
    words = set(name.split("_"))
    sure = {
        "se",
        "stderr",
        "error",
        "err",
        "ci",
        "lci",
        "uci",
        "lcl",
        "ucl",
        "conf",
        "p",
        "pvalue",
        "lower",
        "upper",
        "z",
    }
    return bool(words & sure)
