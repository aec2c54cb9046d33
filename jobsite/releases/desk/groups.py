"""What the page of a group offers to its author: a draft of the context, an example of the controls, its columns."""

from dataclasses import dataclass

from jobsite.releases.desk import prompts
from jobsite.releases.desk.contents import header_of
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.pages import FileLine, GroupPage
from jobsite.releases.requests.queries import earlier_texts
from jobsite.releases.requests.standing import file_of


@dataclass(frozen=True)
class Draft:
    """Texts for the empty fields of a group, those of an earlier request for the same paths where there was one. `columns` has a line for each column of its tables that is not described."""

    context: str
    controls: str
    columns: str
    questions: tuple[str, ...]
    example: str
    controls_questions: tuple[str, ...]
    controls_example: str


def draft_of(shown: GroupPage) -> Draft:
    """What can be said of the files without asking anybody: facts for the context, the columns to describe."""
    before = (
        None
        if shown.group.context
        else earlier_texts(shown.head.workspace, [file.path for file in shown.group.files])
    )
    wanted = [file for file in shown.group.files if not file.is_withdrawn]
    headers = {file.path: header_of(file) for file in wanted}
    known = [f"{name}: {meaning}" for name, meaning in shown.group.columns.items()]
    more = [name for header in headers.values() for name in header if name not in shown.group.columns]
    facts = prompts.drafted(_described(file, headers[file.path]) for file in wanted)
    return Draft(
        before[0] if before else facts,
        before[1] if before else "",
        "\n".join([*known, *(f"{name}: " for name in dict.fromkeys(more))]),
        prompts.CONTEXT_QUESTIONS,
        prompts.CONTEXT_EXAMPLE,
        prompts.CONTROLS_QUESTIONS,
        prompts.controls_example(shown.counts["threshold"], shown.counts["base"]),
    )


def group_of(request_id: str, path: str) -> str:
    """The slug of the group in which a file is now. One query."""
    return file_of(ReleaseRequest(id=request_id), path).group.slug


def _described(file: FileLine, header: tuple[str, ...]) -> prompts.Described:
    return prompts.Described(file.path, file.rows, file.cols, header, file.action)
