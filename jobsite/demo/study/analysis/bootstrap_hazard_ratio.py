"""A second opinion on the hazard ratio of hormone therapy: refit the model on resampled cohorts.

The Cox model's own interval rests on assumptions. The bootstrap draws women from the cohort with replacement,
many times over, and looks at how much the answer varies.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from cox_design import design
from disclosure_control import safe_count
from lifelines import CoxPHFitter

INPUT = Path("output/cohort/cohort.csv")
OUTPUT = Path("output/models/bootstrap.csv")
SEED = 20261123  # the same draws, and so the same answer, each time
SECONDS_PER_BATCH = 0.5  # the batches are paced so that the log is pleasant to follow


def hazard_ratio(data):
    """The adjusted hazard ratio of hormone therapy in this sample."""
    model = CoxPHFitter().fit(data, duration_col="months", event_col="event")
    return float(np.exp(model.params_["hormone_therapy"]))


arguments = argparse.ArgumentParser()
arguments.add_argument("--batches", type=int, default=60)
arguments.add_argument("--resamples-per-batch", type=int, default=4)
options = arguments.parse_args()

data = design(pd.read_csv(INPUT))
random = np.random.default_rng(SEED)
estimate = hazard_ratio(data)
ratios = []
print(f"Hazard ratio in the cohort itself: {estimate:.3f}", flush=True)
for batch in range(1, options.batches + 1):
    started = time.monotonic()
    for _ in range(options.resamples_per_batch):
        rows = random.integers(len(data), size=len(data))
        ratios.append(hazard_ratio(data.iloc[rows]))
    lower, upper = np.percentile(ratios, [2.5, 97.5])
    print(
        f"Batch {batch:2d} of {options.batches}: {len(ratios):3d} resamples, "
        f"median {np.median(ratios):.3f}, 95% of them from {lower:.3f} to {upper:.3f}",
        flush=True,
    )
    time.sleep(max(0, SECONDS_PER_BATCH - (time.monotonic() - started)))

lower, upper = np.percentile(ratios, [2.5, 97.5])
events = safe_count(data["event"].sum())
table = pd.DataFrame(
    {
        "term": ["Hormone therapy"],
        "hazard_ratio": [f"{estimate:.2f}"],
        "ci_lower": [f"{lower:.2f}"],
        "ci_upper": [f"{upper:.2f}"],
        "resamples_drawn": [len(ratios)],
        "patients": [safe_count(len(data))],
        "events": [events],
        "degrees_of_freedom": [events - (len(data.columns) - 2)],
    }
)
OUTPUT.parent.mkdir(parents=True, exist_ok=True)
table.to_csv(OUTPUT, index=False)
print(f"Wrote {OUTPUT}")
