"""Kaplan-Meier curves of recurrence-free survival, as a figure and as the numbers behind it."""

import os
from pathlib import Path

os.environ.setdefault("MPLCONFIGDIR", "/tmp/matplotlib")  # the home directory may not be writable

import matplotlib

matplotlib.use("Agg")  # draw into a file, no screen needed

import matplotlib.pyplot as plt
import pandas as pd
from disclosure_control import SMALL, safe_count
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test

INPUT = Path("output/cohort/cohort.csv")
FIGURES = Path("output/figures")
GROUPS = {"Yes": ("Hormone therapy", "#0b6e75"), "No": ("No hormone therapy", "#b4561c")}
TICKS = range(0, 73, 12)


def safe_curve(group):
    """The curve at those months where more than 7 events have happened since its last step.

    The exact curve has a step for every woman with an event: her time could be read off it.
    """
    fit = KaplanMeierFitter().fit(group["months"], group["event"])
    rows, steps, events_shown = [], [0], 0
    for month in range(1, 85):
        events = group.loc[group["months"] <= month, "event"].sum()
        if (group["months"] > month).sum() <= SMALL:
            break
        if events - events_shown > SMALL:
            steps.append(month)
            events_shown = events
    for month in steps:
        lower, upper = interval_at(fit, month)
        rows.append(
            {
                "months": month,
                "patients_at_risk": safe_count((group["months"] > month).sum()),
                "cumulative_events": safe_count(group.loc[group["months"] <= month, "event"].sum()),
                "survival": round(float(fit.predict(month)), 2),
                "ci_lower": round(lower, 2),
                "ci_upper": round(upper, 2),
            }
        )
    return pd.DataFrame(rows)


def interval_at(fit, month):
    """The 95% confidence interval of the curve at that month."""
    bounds = fit.confidence_interval_survival_function_
    return tuple(float(bound) for bound in bounds[bounds.index <= month].iloc[-1])


def draw(curves, cohort, p_value):
    """Both curves with their intervals, and below them how many women were still followed."""
    plt.rcParams.update({"font.size": 10, "font.family": "DejaVu Sans", "axes.edgecolor": "#6b675f"})
    figure, (axes, risk) = plt.subplots(
        2, 1, figsize=(8, 6.4), sharex=True, gridspec_kw={"height_ratios": [6, 1], "hspace": 0.42}
    )
    for row, (therapy, (label, colour)) in enumerate(GROUPS.items()):
        last = curves[therapy].iloc[[-1]].assign(months=TICKS[-1])  # level until the end of the figure
        curve = pd.concat([curves[therapy], last])
        axes.step(curve["months"], curve["survival"], where="post", color=colour, linewidth=2, label=label)
        axes.fill_between(
            curve["months"],
            curve["ci_lower"],
            curve["ci_upper"],
            step="post",
            color=colour,
            alpha=0.14,
            linewidth=0,
        )
        group = cohort[cohort["hormone_therapy"] == therapy]
        risk.text(-3, 1 - row, label, color=colour, ha="right", va="center")
        for month in TICKS:
            risk.text(month, 1 - row, safe_count((group["months"] > month).sum()), ha="center", va="center")
    axes.set(ylim=(0, 1.01), ylabel="Free of recurrence", xlim=(0, 74), xticks=TICKS)
    axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
    axes.tick_params(labelbottom=True)
    axes.set_xlabel("Months since surgery")
    axes.grid(axis="y", color="#e4e0d8")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left")
    axes.text(0.99, 0.95, f"Log-rank p = {p_value:.3f}", transform=axes.transAxes, ha="right")
    axes.set_title("Recurrence-free survival by hormone therapy", loc="left", fontweight="bold")
    risk.set(ylim=(-0.5, 1.5))
    risk.set_title("Patients still followed (rounded to 5)", loc="left", fontsize=9, color="#6b675f", pad=2)
    risk.axis("off")
    # No "Software" text in the file: the same numbers give the same bytes with every version.
    figure.savefig(FIGURES / "survival.png", dpi=160, bbox_inches="tight", metadata={"Software": None})


cohort = pd.read_csv(INPUT)
FIGURES.mkdir(parents=True, exist_ok=True)
groups = {therapy: cohort[cohort["hormone_therapy"] == therapy] for therapy in GROUPS}
curves = {therapy: safe_curve(group) for therapy, group in groups.items()}
test = logrank_test(
    groups["Yes"]["months"], groups["No"]["months"], groups["Yes"]["event"], groups["No"]["event"]
)

table = pd.concat(curves, names=["hormone_therapy"]).reset_index(level=0)
table.to_csv(FIGURES / "survival.csv", index=False)
draw(curves, cohort, test.p_value)
print(f"Log-rank test: chi-squared {test.test_statistic:.2f} on 1 degree of freedom, p = {test.p_value:.4f}")
print(f"Wrote {FIGURES}/survival.png and the {len(table)} points behind it to {FIGURES}/survival.csv")
