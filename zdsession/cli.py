"""``zdsession``: look at sessions and end them, from a shell."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from zdsession.cli_copy import copy
from zdsession.cli_fleet import barriers, drain, forget, nodes, undrain
from zdsession.cli_schema import schema
from zdsession.clock import now_ms
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.record import Found
from zdsession.stores import Store, open_store, safe_url

_ID = 64
_store_option = click.option(
    "--store",
    "url",
    envvar="ZDSESSION_STORE",
    required=True,
    help="URL of the store. Prefer the environment variable: others can read a command line.",
    show_envvar=True,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Look at server-side sessions, and end them.

    A session is named by its id as logs and Session.id show it: a hash, not what is in the cookie.
    """


main.add_command(copy)
main.add_command(schema)
for _command in (nodes, drain, undrain, forget, barriers):
    main.add_command(_command)


@main.command()
@_store_option
@click.option("--user", help="List the live sessions of this user.")
@click.argument("session_id", required=False)
def inspect(url: str, user: str | None, session_id: str | None) -> None:
    """Show one session, or all of a user. Shows names and sizes of values, never values."""
    with _store(url) as store:
        if user is not None and session_id is None:
            found = store.sessions_of(user)
            for one in found:
                click.echo(_line(one))
            click.echo(f"{len(found)} live session{'' if len(found) == 1 else 's'} of {user}")
        elif session_id is not None and user is None:
            _show(store, _checked(session_id))
        else:
            raise click.UsageError("name either a session id or --user")


@main.command()
@_store_option
@click.option("--user", help="End all sessions of this user.")
@click.argument("session_id", required=False)
def revoke(url: str, user: str | None, session_id: str | None) -> None:
    """End one session, or all of a user, at once and finally."""
    with _store(url) as store:
        if user is not None and session_id is None:
            count = store.revoke_user(user)
            click.echo(f"ended {count} session{'' if count == 1 else 's'} of {user}")
        elif session_id is not None and user is None:
            if not store.destroy(_checked(session_id)):
                raise click.ClickException(f"no session {session_id}")
            click.echo(f"ended {session_id}")
        else:
            raise click.UsageError("name either a session id or --user")


@main.command()
@_store_option
@click.option("--batch", default=1000, show_default=True, type=click.IntRange(1, 10_000), help="Rows a statement.")
@click.option("--most", default=1_000_000, show_default=True, type=click.IntRange(1), help="Stop after so many.")
def gc(url: str, batch: int, most: int) -> None:
    """Remove expired sessions, in small batches. Redis does so by itself, and this finds nothing there."""
    removed = 0
    with _store(url) as store:
        while removed < most and (count := store.sweep(min(batch, most - removed))):
            removed += count
    click.echo(f"removed {removed} expired session{'' if removed == 1 else 's'}")


@contextlib.contextmanager
def _store(url: str) -> Iterator[Store]:
    """The store; its errors as the one line a shell wants, without the URL's password."""
    try:
        store = open_store(url)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    try:
        yield store
    except StoreUnavailableError as error:
        raise click.ClickException(f"{safe_url(url)}: {error}") from None
    finally:
        store.close()


def _checked(session_id: str) -> str:
    if len(session_id) != _ID or not set(session_id) <= set("0123456789abcdef"):
        raise click.UsageError(f"a session id is {_ID} hex digits, as Session.id gives it; never paste a cookie")
    return session_id


def _show(store: Store, session_id: str) -> None:
    record = store.load(session_id)
    if record is None:
        raise click.ClickException(f"no session {session_id}")
    click.echo(_line(Found(session_id, record.created, record.seen, record.expires)))
    click.echo(f"  user      {_printable(record.user) if record.user is not None else '(none)'}")
    click.echo(f"  ends      {_when(record.deadline)} at the latest")
    for key, value in sorted(record.values.items()):
        click.echo(f"  value     {_printable(key)}  {len(value):,} bytes")


def _line(found: Found) -> str:
    left = max(0, found.expires - now_ms()) // 60_000
    return f"{found.id}  since {_when(found.created)}  seen {_when(found.seen)}  {left} min left"


def _printable(text: str) -> str:
    """Stored text, which may hold what a terminal would obey."""
    return text.encode("unicode_escape").decode()


def _when(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
