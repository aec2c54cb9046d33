from collections.abc import Callable
from types import SimpleNamespace

from jobsite.core.consumer import open_queue
from jobsite.projects import repositories, tasks, workspaces
from jobsite.projects.models import Project, Repo
from jobsite.settings import Settings


def test_a_new_workspace_has_its_mirror_soon_and_a_refresh_notes_new_branches(
    cast: SimpleNamespace, project: Project, study, host, allow: Callable[[str], None], settings: Settings
) -> None:
    huey = open_queue(settings.queue_path)
    allow(host.address)
    url = host.publish(study)
    made = workspaces.create_workspace(by=cast.ada, project=project, name="air", repo=url, branch="main")
    while queued := huey.dequeue():
        huey.execute(queued)
    assert repositories.branches(url) == ["main"]
    study.git("branch", "dev")
    host.publish(study)
    tasks.refresh_repository(made.repo_id)
    assert Repo.get().branches == ["main", "dev"]


def test_a_repository_that_fails_is_noted_and_keeps_what_was_known(
    cast: SimpleNamespace, project: Project, study, host, allow: Callable[[str], None]
) -> None:
    allow(host.address)
    made = workspaces.create_workspace(
        by=cast.ada, project=project, name="air", repo=host.publish(study), branch="main"
    )
    host.answer = (500, {"Content-Length": "0"})
    tasks.refresh_repository(made.repo_id)
    known = Repo.get()
    assert known.branches == ["main"]
    assert known.problem.startswith("The repository https://127.0.0.1:")
    host.answer = None
    tasks.refresh_repository(made.repo_id)
    assert Repo.get().problem == ""


def test_a_repository_that_is_no_longer_there_is_no_failure(instance) -> None:
    tasks.refresh_repository(99)


def test_the_tick_refreshes_what_active_workspaces_use(
    cast: SimpleNamespace, project: Project, study, settings: Settings
) -> None:
    huey = open_queue(settings.queue_path)
    first = workspaces.create_workspace(by=cast.ada, project=project, name="a", repo=study.url, branch="main")
    workspaces.create_workspace(by=cast.ada, project=project, name="b", repo=study.url, branch="main")
    huey.flush()
    tasks.refresh_repositories()
    assert len(huey) == 1
    huey.flush()
    for workspace in first.project.workspaces:
        workspaces.set_archived(by=cast.ada, workspace=workspace, is_archived=True)
    tasks.refresh_repositories()
    assert len(huey) == 0
