"""Adjusted hazard ratios of recurrence or death, by Cox regression."""

from pathlib import Path

import pandas as pd
from cox_design import TERMS, design
from disclosure_control import safe_count
from lifelines import CoxPHFitter
from lifelines.statistics import proportional_hazard_test

INPUT = Path("output/cohort/cohort.csv")
MODELS = Path("output/models")

data = design(pd.read_csv(INPUT))
model = CoxPHFitter().fit(data, duration_col="months", event_col="event")

patients = safe_count(len(data))
events = safe_count(data["event"].sum())
degrees_of_freedom = events - len(TERMS)

summary = model.summary
table = pd.DataFrame(
    {
        "term": [TERMS[name] for name in summary.index],
        "hazard_ratio": [f"{value:.2f}" for value in summary["exp(coef)"]],
        "ci_lower": [f"{value:.2f}" for value in summary["exp(coef) lower 95%"]],
        "ci_upper": [f"{value:.2f}" for value in summary["exp(coef) upper 95%"]],
        "p_value": ["<0.0001" if value < 0.0001 else f"{value:.4f}" for value in summary["p"]],
        "patients": patients,
        "events": events,
        "degrees_of_freedom": degrees_of_freedom,
    }
)
MODELS.mkdir(parents=True, exist_ok=True)
table.to_csv(MODELS / "hazard_ratios.csv", index=False)

# A hazard ratio is one number for the whole follow-up. This test asks whether that is fair: a small p means
# that the effect of the term changed over time.
proportional = proportional_hazard_test(model, data, time_transform="rank").summary

lines = [
    "Cox proportional hazards model of recurrence or death",
    "",
    f"Patients             {patients} (rounded to 5)",
    f"Events               {events} (rounded to 5)",
    f"Degrees of freedom   {degrees_of_freedom} (events less terms)",
    f"Concordance          {model.concordance_index_:.3f}",
    "",
    "Proportional hazards, rank-transformed time (a small p speaks against it)",
    "",
    *(f"  {TERMS[name]:<44} p = {row['p']:.3f}" for name, row in proportional.iterrows()),
]
(MODELS / "cox_model.txt").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
