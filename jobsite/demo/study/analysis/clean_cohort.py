"""Turn the extract into the analysis cohort: checked values, clear names, named groups."""

from pathlib import Path

import pandas as pd

INPUT = Path("output/extract/patients.csv")
OUTPUT = Path("output/cohort/cohort.csv")
DAYS_PER_MONTH = 365.25 / 12

raw = pd.read_csv(INPUT)
print(f"Read {len(raw)} rows from {INPUT}")

# Stop at once when the extract is not what this analysis was written for. A silent surprise here would
# become a wrong result later.
assert raw["patient_id"].is_unique, "A patient appears twice"
assert raw.notna().all(axis=None), "A value is missing"
assert raw["age"].between(18, 110).all(), "An age is implausible"
assert (raw["time"] > 0).all(), "A follow-up time is not positive"
assert raw["cens"].isin([0, 1]).all(), "An event is neither 0 nor 1"

cohort = pd.DataFrame(
    {
        "patient_id": raw["patient_id"],
        "hormone_therapy": raw["horTh"].map({"no": "No", "yes": "Yes"}),
        "age": raw["age"],
        "age_group": pd.cut(
            raw["age"],
            bins=[0, 40, 50, 60, 70, 200],
            right=False,
            labels=["Under 40", "40 to 49", "50 to 59", "60 to 69", "70 and over"],
        ),
        "menopause": raw["menostat"].map({"Pre": "Before", "Post": "After"}),
        "tumour_size_mm": raw["tsize"],
        "tumour_size": pd.cut(
            raw["tsize"], bins=[0, 20, 50, 1000], labels=["Up to 20 mm", "21 to 50 mm", "Over 50 mm"]
        ),
        "tumour_grade": raw["tgrade"],
        "positive_nodes": pd.cut(
            raw["pnodes"], bins=[0, 3, 9, 1000], labels=["1 to 3", "4 to 9", "10 or more"]
        ),
        "progesterone_receptor": raw["progrec"],
        "oestrogen_receptor": raw["estrec"],
        "months": (raw["time"] / DAYS_PER_MONTH).round(2),
        "event": raw["cens"],
    }
)
assert cohort.notna().all(axis=None), "A value fell outside every group"

OUTPUT.parent.mkdir(parents=True, exist_ok=True)
cohort.to_csv(OUTPUT, index=False)
print(f"All checks passed. Wrote {len(cohort)} rows and {len(cohort.columns)} columns to {OUTPUT}")
