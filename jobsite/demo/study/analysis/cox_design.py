"""The columns of the Cox model, shared by the model and by its bootstrap."""

import numpy as np
import pandas as pd

TERMS = {
    "hormone_therapy": "Hormone therapy",
    "age_per_10_years": "Age, per 10 years",
    "after_menopause": "After menopause",
    "tumour_size_per_10_mm": "Tumour size, per 10 mm",
    "grade_2": "Tumour grade II (against I)",
    "grade_3": "Tumour grade III (against I)",
    "nodes_4_to_9": "4 to 9 positive nodes (against 1 to 3)",
    "nodes_10_or_more": "10 or more positive nodes (against 1 to 3)",
    "log_progesterone": "Progesterone receptor, per doubling",
    "log_oestrogen": "Oestrogen receptor, per doubling",
}


def design(cohort):
    """One numeric column per term, with the follow-up time and the event."""
    return pd.DataFrame(
        {
            "months": cohort["months"],
            "event": cohort["event"],
            "hormone_therapy": (cohort["hormone_therapy"] == "Yes").astype(int),
            "age_per_10_years": cohort["age"] / 10,
            "after_menopause": (cohort["menopause"] == "After").astype(int),
            "tumour_size_per_10_mm": cohort["tumour_size_mm"] / 10,
            "grade_2": (cohort["tumour_grade"] == "II").astype(int),
            "grade_3": (cohort["tumour_grade"] == "III").astype(int),
            "nodes_4_to_9": (cohort["positive_nodes"] == "4 to 9").astype(int),
            "nodes_10_or_more": (cohort["positive_nodes"] == "10 or more").astype(int),
            # Receptor levels are very skewed and can be 0, hence the logarithm of one more.
            "log_progesterone": np.log2(cohort["progesterone_receptor"] + 1),
            "log_oestrogen": np.log2(cohort["oestrogen_receptor"] + 1),
        }
    )
