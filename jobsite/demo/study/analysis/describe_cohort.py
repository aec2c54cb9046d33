"""Two tables: who the women were, and how many had a recurrence or died."""

from pathlib import Path

import pandas as pd
from disclosure_control import HIDDEN, safe_count, safe_ratio, safe_total

INPUT = Path("output/cohort/cohort.csv")
TABLES = Path("output/tables")

CHARACTERISTICS = {
    "Age": ("age_group", ["Under 40", "40 to 49", "50 to 59", "60 to 69", "70 and over"]),
    "Menopause": ("menopause", ["Before", "After"]),
    "Tumour size": ("tumour_size", ["Up to 20 mm", "21 to 50 mm", "Over 50 mm"]),
    "Tumour grade": ("tumour_grade", ["I", "II", "III"]),
    "Positive lymph nodes": ("positive_nodes", ["1 to 3", "4 to 9", "10 or more"]),
}


def characteristics(cohort):
    """How many women of each group had each characteristic, with the percentage of that group."""
    rows = []
    for name, (column, levels) in CHARACTERISTICS.items():
        for therapy in ("No", "Yes"):
            group = cohort[cohort["hormone_therapy"] == therapy]
            counts = [safe_count((group[column] == level).sum()) for level in levels]
            total = safe_total(counts)
            for level, count in zip(levels, counts, strict=True):
                percent = safe_ratio(count, total, per=100, digits=1)
                rows.append((name, level, therapy, count, total, percent))
    columns = ["characteristic", "level", "hormone_therapy", "count", "denominator", "percent"]
    return pd.DataFrame(rows, columns=columns)


def outcomes(cohort):
    """Events and the time in which they happened, by therapy and tumour grade."""
    rows = []
    for (grade, therapy), group in cohort.groupby(["tumour_grade", "hormone_therapy"]):
        events = safe_count(group["event"].sum())
        years = safe_count(group["months"].sum() / 12)
        rate = safe_ratio(events, years, per=100, digits=1)
        rows.append((grade, therapy, safe_count(len(group)), events, years, rate))
    columns = [
        "tumour_grade",
        "hormone_therapy",
        "patients",
        "events",
        "person_years",
        "rate_per_100_person_years",
    ]
    return pd.DataFrame(rows, columns=columns)


cohort = pd.read_csv(INPUT)
TABLES.mkdir(parents=True, exist_ok=True)
for table in (characteristics, outcomes):
    result = table(cohort)
    result.to_csv(TABLES / f"{table.__name__}.csv", index=False)
    hidden = (result == HIDDEN).any(axis=1).sum()
    print(f"Wrote {TABLES / table.__name__}.csv: {len(result)} rows, {hidden} of them with a hidden count")
