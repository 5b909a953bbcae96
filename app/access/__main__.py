"""Create, list and revoke API keys: `python -m app.access`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime

from app.domain.access import SCOPES, ApiKey, Grant
from app.domain.names import canonical_name
from app.errors import StoreUnavailable
from app.settings import InvalidSetting, Settings, UnknownSetting
from app.store.keys import KeyStore
from app.store.redis import connect


def main() -> None:
    """Read the command line and run one command."""
    arguments = _parser().parse_args()
    try:
        asyncio.run(_run(arguments))
    except (StoreUnavailable, UnknownSetting, InvalidSetting) as error:
        raise SystemExit(f"error: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app.access",
        description="API keys. They are asked for where AZIMUTH_AUTH is keys.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    create = commands.add_parser("create", help="create a key and print its secret, once")
    create.add_argument("--tenant", required=True, type=canonical_name, help="who the key is for")
    create.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=SCOPES,
        help="select: score and select; banks: store and delete attribute sets, banks and "
        "calibrations; admin: everything. Can be repeated",
    )
    create.add_argument("--days", type=_days, help="days until it expires; default: never")
    for unit in ("requests", "tokens"):
        create.add_argument(
            f"--{unit}-per-minute", type=_limit, help=f"limit of {unit}; default: none"
        )
    commands.add_parser("list", help="list all keys, without their secrets")
    revoke = commands.add_parser("revoke", help="revoke a key")
    revoke.add_argument("id", help="id of the key, as listed; in the secret it follows az_")
    return parser


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 36_500:
        raise argparse.ArgumentTypeError("not between 1 and 36500")
    return days


def _limit(text: str) -> int:
    limit = int(text)
    if limit < 1:
        raise argparse.ArgumentTypeError("not a positive number")
    return limit


async def _run(arguments: argparse.Namespace) -> None:
    redis = connect(Settings.from_environment().store)
    keys = KeyStore(redis)
    try:
        if arguments.command == "create":
            grant = Grant(
                arguments.tenant,
                tuple(dict.fromkeys(arguments.scope)),
                arguments.requests_per_minute,
                arguments.tokens_per_minute,
            )
            key, secret = await keys.create(grant, days=arguments.days)
            print(_line(key))
            print(f"secret, shown only now: {secret}")
        elif arguments.command == "list":
            for key in await keys.all():
                print(_line(key))
        elif await keys.revoke(arguments.id):
            print(f"revoked {arguments.id}")
        else:
            raise SystemExit(f"no API key has the id {arguments.id!r}")
    finally:
        await redis.aclose()


def _line(key: ApiKey) -> str:
    until = f"expires {_date(key.expires_ms)}" if key.expires_ms else "does not expire"
    scopes = ",".join(key.grant.scopes)
    limits = {"requests": key.grant.requests_per_minute, "tokens": key.grant.tokens_per_minute}
    parts = [key.id, key.grant.tenant, scopes, f"created {_date(key.created_ms)}", until]
    parts += [f"{limit} {unit}/min" for unit, limit in limits.items() if limit is not None]
    return "  ".join(parts)


def _date(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


if __name__ == "__main__":
    main()
