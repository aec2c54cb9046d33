"""Bring the results together in a short report, and the main numbers in a file for machines.

Nothing here looks at patients: the report can only say what the released tables say.
"""

import json
from pathlib import Path

import pandas as pd

OUTPUT = Path("output")
REPORT = OUTPUT / "report"


def markdown_table(table):
    """The table in Markdown, with its column names made readable."""
    header = [column.replace("ci_", "95%_CI_").replace("_", " ") for column in table.columns]
    header = [words[0].upper() + words[1:] for words in header]
    lines = [header, ["---"] * len(header), *table.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


characteristics = pd.read_csv(OUTPUT / "tables/characteristics.csv", dtype=str)
outcomes = pd.read_csv(OUTPUT / "tables/outcomes.csv", dtype=str)
survival = pd.read_csv(OUTPUT / "figures/survival.csv")
ratios = pd.read_csv(OUTPUT / "models/hazard_ratios.csv", dtype=str)
bootstrap = pd.read_csv(OUTPUT / "models/bootstrap.csv", dtype=str).iloc[0]

main = ratios[ratios["term"] == "Hormone therapy"].iloc[0]
five_years = survival[survival["months"] <= 60].groupby("hormone_therapy")["survival"].last()

key_results = {
    "outcome": "recurrence or death",
    "patients": int(main["patients"]),
    "events": int(main["events"]),
    "degrees_of_freedom": int(main["degrees_of_freedom"]),
    "five_year_survival": {therapy: float(value) for therapy, value in five_years.items()},
    "hazard_ratio": {key: float(main[key]) for key in ("hazard_ratio", "ci_lower", "ci_upper", "p_value")},
    "bootstrap": {key: float(bootstrap[key]) for key in ("ci_lower", "ci_upper")},
}

report = f"""# Hormone therapy and recurrence of node-positive breast cancer

## In short

Among about {main["patients"]} women, {main["events"]} had a recurrence or died. At five years
{five_years["Yes"]:.0%} of the women with hormone therapy and {five_years["No"]:.0%} of those without were free of
recurrence. Allowing for age, menopause, tumour size and grade, lymph nodes and receptors, the hazard with hormone
therapy was {main["hazard_ratio"]} times that without (95% confidence interval {main["ci_lower"]} to
{main["ci_upper"]}; by bootstrap {bootstrap["ci_lower"]} to {bootstrap["ci_upper"]}).

## Who the women were

{markdown_table(characteristics)}

## Recurrence or death

{markdown_table(outcomes)}

## Adjusted hazard ratios

{markdown_table(ratios.drop(columns=["patients", "events", "degrees_of_freedom"]))}

Patients {main["patients"]}, events {main["events"]}, degrees of freedom {main["degrees_of_freedom"]}.

## How the numbers were made safe

Counts of 1 to 7 are hidden, all others are rounded to the nearest 5. Percentages, rates and totals are worked out
from the rounded counts. The curves in `figures/survival.png` take a step only after more than 7 events.
"""

REPORT.mkdir(parents=True, exist_ok=True)
(REPORT / "report.md").write_text(report)
(REPORT / "key_results.json").write_text(json.dumps(key_results, indent=2) + "\n")
print(f"Wrote {REPORT}/report.md and {REPORT}/key_results.json")
