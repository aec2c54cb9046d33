"""Get the study population: one row per woman, as recorded.

This is the one script that knows where the data come from. Here that is a public data set; on a secure server
it would be a query to the database. The output is patient-level and must never leave the server.
"""

from pathlib import Path

from lifelines.datasets import load_gbsg2

OUTPUT = Path("output/extract/patients.csv")

patients = load_gbsg2()
patients.insert(0, "patient_id", range(1, len(patients) + 1))

OUTPUT.parent.mkdir(parents=True, exist_ok=True)
patients.to_csv(OUTPUT, index=False)
print(f"Extracted {len(patients)} rows and {len(patients.columns)} columns to {OUTPUT}")
