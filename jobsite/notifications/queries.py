"""What is read of inboxes and of the outbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peewee import JOIN, SQL, Case, Field, ModelSelect, fn

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.errors import NotFound
from jobsite.notifications.models import Delivery, Heartbeat, Notice
from jobsite.notifications.rules import GIVEN_UP, WAITING
from jobsite.notifications.sentences import Worded
from jobsite.notifications.sites import place
from jobsite.notifications.wording import KINDS, worded

PAGE = 25
MOST_COUNTED = 99


@dataclass(frozen=True)
class Entry:
    """A notice with its words, and why its owner gets it."""

    notice: Notice
    words: Worded
    why: str


@dataclass(frozen=True)
class Inbox:
    """One page of an inbox, newest first: its entries, how many there are in all, and how many are unread.

    `newest` is the number of the newest notice of the whole inbox, 0 when it is empty. `kinds` are the kinds a person has anything of, name to label, for the filter; `kind` and `unread_only` are it.
    """

    entries: Sequence[Entry]
    total: int
    unread: int
    newest: int
    number: int
    kinds: Mapping[str, str]
    kind: str = ""
    unread_only: bool = False


def unread_count(user: User) -> int:
    """How many notices a person has not read, at most 100: one look into the index of unread ones."""
    return _unread(user).count()


def unread_of(user: Field) -> ModelSelect:
    """The same as a column of a query in which `user` is the number of the person."""
    return Notice.select(fn.COUNT(SQL("*"))).from_(_unread(user))


def inbox(user: User, *, kind: str = "", unread_only: bool = False, number: int = 1) -> Inbox:
    """A page of a person's inbox; a page past the end is the last one. Two queries."""
    columns = (Notice.kind, fn.COUNT(Notice.id), fn.COUNT(Notice.read_at), fn.MAX(Notice.id))
    rows = list(Notice.select(*columns).where(Notice.user == user).group_by(Notice.kind).tuples())
    unread = sum(count - read for _, count, read, _ in rows)
    newest = max((newest for *_, newest in rows), default=0)
    concerned = [row for row in rows if not kind or row[0] == kind]
    total = sum(count - read if unread_only else count for _, count, read, _ in concerned)
    number = max(1, min(number, -(-total // PAGE)))
    wanted = Notice.select().where(Notice.user == user)
    wanted = wanted.where(Notice.kind == kind) if kind else wanted
    wanted = wanted.where(Notice.read_at.is_null()) if unread_only else wanted
    shown = wanted.order_by(Notice.id.desc()).paginate(number, PAGE)
    kinds = {name: KINDS[name].label for name, *_ in sorted(rows) if name in KINDS}
    entries = [entry_of(notice) for notice in shown]
    return Inbox(entries, total, unread, newest, number, kinds, kind, unread_only)


def entry_of(notice: Notice) -> Entry:
    """A notice with its words."""
    kind = KINDS.get(notice.kind)
    return Entry(notice, worded(notice.kind, notice.facts, place()), kind.why if kind else "")


def failed_deliveries(*, number: int = 1, size: int = 50) -> tuple[list[Delivery], int]:
    """One page of the deliveries that were given up, newest first, each with its `user`; and how many there are."""
    given_up = Delivery.state == GIVEN_UP
    rows = Delivery.select(Delivery, User).join(User, JOIN.LEFT_OUTER).where(given_up)
    page = rows.order_by(Delivery.id.desc()).paginate(number, size)
    return list(page), Delivery.select().where(given_up).count()


def delivery_or_stop(identifier: str) -> Delivery:
    """The delivery of that identifier; raises `NotFound` with a sentence."""
    found = Delivery.get_or_none(Delivery.identifier == identifier)
    if found is None:
        raise NotFound(f"There is no delivery {identifier}.")
    return found


@dataclass(frozen=True)
class Backlog:
    """What waits in the outbox for one channel: how many, how many of them have failed before, for how many seconds."""

    channel: str
    waiting: int
    failing: int
    oldest: float


def backlog() -> list[Backlog]:
    """The channels for which something waits, by name. One query."""
    failing = fn.SUM(Case(None, [(Delivery.last_error != "", 1)], 0))
    columns = (Delivery.channel, fn.COUNT(Delivery.id), failing, fn.MIN(Delivery.created_at))
    waiting = Delivery.select(*columns).where(Delivery.state == WAITING).group_by(Delivery.channel)
    moment = now()
    return [
        Backlog(channel, count, int(failed), (moment - oldest).total_seconds())
        for channel, count, failed, oldest in waiting.order_by(Delivery.channel).tuples()
    ]


def heartbeats() -> list[Heartbeat]:
    """The last run of every tick, by name."""
    return list(Heartbeat.select().order_by(Heartbeat.name))


def _unread(user: User | Field) -> ModelSelect:
    rows = Notice.select(Notice.id).where((Notice.user == user) & Notice.read_at.is_null())
    return rows.limit(SQL(str(MOST_COUNTED + 1)))  # a number of ours: no value stands in the statement
