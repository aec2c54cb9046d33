"""The rules that read the numbers of one table, in order (C and S rules). Pure."""

from jobsite.checks.counting import counting
from jobsite.checks.policy import Policy
from jobsite.checks.rates import rating
from jobsite.checks.ruling import Clock, Ruling
from jobsite.checks.summaries import summing_up
from jobsite.checks.suppression import hiding
from jobsite.checks.tables import Table

TABLE_RULES = "C1 C2 C3 C4 C5 C6 C8 C9 C10 C12 S1 S2 S3 S4 S5"


def apply_to_table(ruling: Ruling, table: Table, policy: Policy) -> None:
    """Runs them all; one that fails does not keep the others from running."""
    counts = policy.counts
    ruling.apply("C1 C2 C3 C4", counting, table, counts)
    ruling.apply("C5 C6 C8", rating, table, counts)
    ruling.apply("C9 C10 C12", summing_up, table, policy)
    ruling.apply("S1 S2 S3 S4 S5", hiding, table, counts, Clock())
    if not any(column.is_count for column in table.columns):
        ruling.skip("C1 C2 C3 C4 S1 S2 S3 S4 S5", "No column of the table holds counts.")
