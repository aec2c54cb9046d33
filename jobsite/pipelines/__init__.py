"""From the text of a project.yaml to a pipeline or a list of problems, and from a pipeline to a plan. Pure."""

from jobsite.pipelines.limits import Limits
from jobsite.pipelines.parsing import parse
from jobsite.pipelines.planning import (
    Decision,
    Latest,
    Plan,
    PlanRefused,
    job_identifier,
    plan,
    why_not_image,
)
from jobsite.pipelines.report import Action, Pipeline, Problem, Report

__all__ = [
    "Action",
    "Decision",
    "Latest",
    "Limits",
    "Pipeline",
    "Plan",
    "PlanRefused",
    "Problem",
    "Report",
    "job_identifier",
    "parse",
    "plan",
    "why_not_image",
]
