"""The names of actions can be walked one by one, with the newest job of each, however many workspaces have them."""


def up(migrator, db):
    """Make the index."""
    db.execute_sql("CREATE INDEX workspace_action_names ON workspace_action (action, job_id)")
