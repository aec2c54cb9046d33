"""Rules for commands that read the database, decided on the split command (specification 1.8)."""

import re

from jobsite.pipelines.command import Command
from jobsite.pipelines.findings import Draft, Findings
from jobsite.pipelines.nodes import Node, Scalar
from jobsite.pipelines.wording import join, nearest, quote


def check_database_command(draft: Draft, found: Findings) -> None:
    """Notes what is wrong with the outputs of a command that extracts a cohort or a dataset."""
    if draft.command is None:
        return
    if draft.command.generates_cohort:
        _check_cohort(draft, draft.command, found)
    elif draft.command.generates_dataset:
        _check_dataset(draft, draft.command, found)
    _warn_of_second_word(draft, draft.command, found)


def _check_cohort(draft: Draft, command: Command, found: Findings) -> None:
    if len(draft.levels) > 1 and draft.outputs_are_sound:
        found.add(
            "cohort-one-level",
            draft.fields["outputs"][0],
            f"Action {quote(draft.name)}: a generate_cohort command must have exactly one output level, "
            f"but it has {join(list(draft.levels))}.",
            action=draft.name,
            hint="Keep `highly_sensitive` and delete the other.",
        )
    folders = list(dict.fromkeys(pattern.text.rpartition("/")[0] for pattern in draft.patterns))
    if len(folders) > 1 and command.option("--output-dir") is None:
        shown = join([folder + "/" if folder else "the root of the repository" for folder in folders])
        found.add(
            "cohort-one-directory",
            draft.patterns[1].node if len(draft.patterns) > 1 else draft.key,
            f"Action {quote(draft.name)}: generate_cohort can write its output in only one directory, "
            f"but its outputs are in {shown}.",
            action=draft.name,
            hint="Put all outputs into one directory, or say `--output-dir` in the command.",
        )


def _check_dataset(draft: Draft, command: Command, found: Findings) -> None:
    others = [pattern for pattern in draft.patterns if pattern.level != "highly_sensitive"]
    for level in dict.fromkeys(pattern.level for pattern in others):
        found.add(
            "dataset-not-highly",
            draft.levels[level],
            f"Action {quote(draft.name)} reads patient data, so all outputs must be labelled `highly_sensitive`, "
            f"but some are {level}.",
            action=draft.name,
            hint="Move them below `highly_sensitive`, and write what may be looked at in a later action.",
        )
    output = command.option("--output")
    if not output:
        _output_missing(draft, command, found)
    elif draft.outputs_are_sound:
        _check_match(draft, output, found)


def _output_missing(draft: Draft, command: Command, found: Findings) -> None:
    option = next((word for word in command.words if word.startswith("--") and "out" in word), "")
    known = (
        nearest(option.partition("=")[0], ["--output"]) if option.partition("=")[0] != "--output" else None
    )
    pattern = next((pattern.text for pattern in draft.patterns), "output/dataset.csv.gz")
    found.add(
        "dataset-output-missing",
        draft.run or draft.key,
        f"Action {quote(draft.name)} does not provide an `--output` argument.",
        action=draft.name,
        hint=f"`{quote(option)}` should be `--output`."
        if known
        else f"Add `--output {quote(pattern)}` to the command.",
    )


def _check_match(draft: Draft, output: str, found: Findings) -> None:
    patterns = [pattern.text for pattern in draft.patterns]
    folder, name = output.rpartition("/")[::2]
    stem, colon, extension = name.rpartition(":")
    if colon:
        directory = "/".join(part for part in (folder, stem) if part)
        expected = f"{directory}/*.{extension}"
        fits = re.compile(".*".join(map(re.escape, expected.split("*"))), re.DOTALL)
        stray = [pattern.node for pattern in draft.patterns if not fits.fullmatch(pattern.text)]
    else:
        expected = output
        stray = (
            []
            if output in patterns
            else [pattern.node for pattern in draft.patterns[:1]] or [_outputs(draft)]
        )
    if stray:
        near = nearest(output, patterns) if not colon else None
        found.add(
            "dataset-output-mismatch",
            stray[0],
            f"Action {quote(draft.name)}: the output specification must match the `--output` argument: "
            f"got {join(patterns) if patterns else 'no outputs'}, expected {quote(expected)}.",
            action=draft.name,
            hint=f"One of them is misspelt, `{quote(near)}` or `{quote(output)}`: they must be the same."
            if near
            else f"List `{quote(expected)}` below `highly_sensitive`, or change `--output`.",
        )


def _outputs(draft: Draft) -> Node:
    return draft.fields["outputs"][0]


def _warn_of_second_word(draft: Draft, command: Command, found: Findings) -> None:
    word = command.misplaced_database_word
    if word is None or not isinstance(draft.run, Scalar):
        return
    found.add(
        "dataset-second-word",
        draft.run,
        f"Action {quote(draft.name)} has `{word}` later in its command, so it gets no access to the database.",
        action=draft.name,
        hint=f"If it reads the database, write `{quote(command.words[0])} {word} …`.",
    )
