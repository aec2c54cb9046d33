"""The hazard ratios of the Cox model as a forest plot."""

import os
from pathlib import Path

os.environ.setdefault("MPLCONFIGDIR", "/tmp/matplotlib")  # the home directory may not be writable

import matplotlib

matplotlib.use("Agg")  # draw into a file, no screen needed

import matplotlib.pyplot as plt
import pandas as pd

MODELS = Path("output/models")

table = pd.read_csv(MODELS / "hazard_ratios.csv").iloc[::-1].reset_index(drop=True)

# Fixed salt and no date: the same numbers give the same file.
plt.rcParams.update(
    {"font.size": 10, "svg.hashsalt": "hazard-ratios", "svg.fonttype": "none", "axes.edgecolor": "#6b675f"}
)
figure, axes = plt.subplots(figsize=(8, 4.6))
axes.axvline(1, color="#6b675f", linewidth=1, linestyle="--")
axes.hlines(table.index, table["ci_lower"], table["ci_upper"], color="#0b6e75", linewidth=2)
axes.plot(table["hazard_ratio"], table.index, "s", color="#0b6e75", markersize=6)
for row in table.itertuples():
    words = f"{row.hazard_ratio:.2f} ({row.ci_lower:.2f} to {row.ci_upper:.2f})"
    axes.text(1.02, row.Index, words, transform=axes.get_yaxis_transform(), va="center")
axes.set_xscale("log")
axes.set_xticks([0.5, 0.75, 1, 1.5, 2, 3, 4], ["0.5", "0.75", "1", "1.5", "2", "3", "4"])
axes.minorticks_off()
axes.set_yticks(table.index, table["term"])
axes.set_xlabel("Hazard ratio with 95% confidence interval (logarithmic)")
axes.grid(axis="x", color="#e4e0d8")
axes.set_axisbelow(True)
axes.spines[["top", "right", "left"]].set_visible(False)
axes.tick_params(left=False)
axes.set_title("Recurrence or death: adjusted hazard ratios", loc="left", fontweight="bold")
no_metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
figure.savefig(MODELS / "hazard_ratios.svg", bbox_inches="tight", metadata=no_metadata)
print(f"Drew {len(table)} hazard ratios to {MODELS}/hazard_ratios.svg")
