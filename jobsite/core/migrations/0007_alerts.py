"""Alerts about backends, and the next maintenance of their databases."""

from peewee import CharField, DateTimeField, ForeignKeyField, Model, TextField


def up(migrator, db):
    """Add the two times of the window, and make the table: one open alert of a kind for each backend."""
    for column in ("maintenance_from", "maintenance_until"):
        db.execute_sql(f'ALTER TABLE "backend" ADD COLUMN "{column}" DATETIME')

    class Backend(Model):
        class Meta:
            database = db
            table_name = "backend"

    class BackendAlert(Model):
        backend = ForeignKeyField(Backend, on_delete="CASCADE")
        kind = CharField()
        failures = TextField()
        first_at = DateTimeField()
        last_at = DateTimeField()
        raised_at = DateTimeField(null=True)
        worked_at = DateTimeField(null=True)
        cleared_at = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "backend_alert"

    db.create_tables([BackendAlert])
    db.execute_sql(
        'CREATE UNIQUE INDEX "backend_alert_open" ON "backend_alert" ("backend_id", "kind") '
        'WHERE "cleared_at" IS NULL'
    )
