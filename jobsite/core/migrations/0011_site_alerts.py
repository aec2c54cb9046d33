"""What staff tell everybody who is logged in."""

from peewee import CharField, DateTimeField, Model, TextField


def up(migrator, db):
    """Make the table."""

    class SiteAlert(Model):
        title = CharField()
        message = TextField()
        level = CharField()
        starts_at = DateTimeField(null=True)
        ends_at = DateTimeField(null=True)
        created_at = DateTimeField()
        created_by = TextField()
        updated_at = DateTimeField()
        updated_by = TextField()

        class Meta:
            database = db
            table_name = "site_alert"

    db.create_tables([SiteAlert])
