"""`tradetui keys set|show|remove`: the operator's keys at a venue. They are never taken from the command line itself.

What stands on a command line is seen by every user of the machine and kept in the shell's history. So keys are typed at a
hidden prompt, or with `--stdin` read from a pipe: the key on the first line, the secret on the second.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.credentials import KeyPlace
    from core.credentials_file import KeyPair

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
VENUES = ("binance_us", "bybit")
PLACES = ("live", "testnet", "demo")
MOST_PIPED = 4096
"""Characters read of one piped line."""


def add_keys(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command's part of the parser."""
    keys = commands.add_parser(
        "keys",
        parents=[common],
        help="store, show or remove the keys of a venue",
        description="Keys stand in credentials.toml in the config folder, which only you can read (mode 0600). Those in the "
        "environment (TRADETUI_BYBIT_KEY, TRADETUI_BYBIT_SECRET, ...) go first. Give the program a key that may trade but "
        "not withdraw.",
    )
    acts = keys.add_subparsers(title="what to do", metavar="ACTION", required=True)
    store = acts.add_parser("set", parents=[common], help="type in key and secret at a hidden prompt")
    store.add_argument("--stdin", action="store_true", help="read key and secret from a pipe, one a line")
    store.set_defaults(act=act_set)
    remove = acts.add_parser("remove", parents=[common], help="take the keys out of the file")
    remove.set_defaults(act=act_remove)
    for part in (store, remove):
        part.add_argument("venue", choices=VENUES, metavar="VENUE", help=" or ".join(VENUES))
        part.add_argument("--environment", choices=PLACES, default="live", help="of bybit; default live")
    show = acts.add_parser("show", parents=[common], help="which keys there are and where they come from")
    show.set_defaults(act=act_show)


def act_set(arguments: argparse.Namespace) -> int:
    """Ask for a pair of keys and store it."""
    from core.credentials import ending, section_of, store_credentials, variables
    from core.credentials_file import FILE_NAME, CredentialsError
    from core.paths import config_folder

    venue, place, folder = arguments.venue, arguments.environment, config_folder()
    try:
        section = section_of(venue, place)
        pair = read_pair(f"{venue} {place}", piped=arguments.stdin)
        if pair is None:
            return EXIT_USAGE
        store_credentials(venue, place, pair, folder)
    except CredentialsError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    print(f"{venue} {place}: stored the key ending in {ending(pair.key)} in {folder / FILE_NAME}")
    first = [name for name in variables(section) if os.environ.get(name)]
    if first:
        print(f"{' and '.join(first)} of the environment go before it: unset them to use what was stored")
    return EXIT_OK


def read_pair(what: str, *, piped: bool) -> KeyPair | None:
    """Key and secret from the hidden prompt or a pipe; None, and told why, when neither is possible."""
    from core.credentials_file import KeyPair

    if piped:
        return KeyPair(sys.stdin.readline(MOST_PIPED), sys.stdin.readline(MOST_PIPED))
    if not sys.stdin.isatty():
        print(
            "tradetui keys set needs a terminal to ask for the keys; to pipe them in, the key on the first line and the "
            "secret on the second, add --stdin",
            file=sys.stderr,
        )
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return KeyPair(getpass.getpass(f"{what} key: "), getpass.getpass(f"{what} secret: "))
    except EOFError:
        print("\nended before both were given; nothing was stored", file=sys.stderr)
    except getpass.GetPassWarning:
        print("this terminal cannot hide what is typed; pipe the keys in with --stdin", file=sys.stderr)
    return None


def act_show(arguments: argparse.Namespace) -> int:
    """One line for each venue and environment; exit code 1 when keys are there and cannot be used."""
    from core.credentials import key_places
    from core.paths import config_folder

    places = key_places(os.environ, config_folder())
    for place in places:
        print(f"{place.venue:<11} {place.environment:<8} {told(place)}")
    return EXIT_FAILED if any(place.trouble for place in places) else EXIT_OK


def told(place: KeyPlace) -> str:
    """Where the keys of one place come from, or what is wrong with them."""
    if place.trouble:
        return f"cannot be used: {place.trouble}"
    return f"...{place.ending}  from {place.source}" if place.source else "no keys"


def act_remove(arguments: argparse.Namespace) -> int:
    """Take a pair out of the file."""
    from core.credentials import remove_credentials, section_of, variables
    from core.credentials_file import FILE_NAME, CredentialsError
    from core.paths import config_folder

    venue, place, folder = arguments.venue, arguments.environment, config_folder()
    try:
        removed = remove_credentials(venue, place, folder)
        names = variables(section_of(venue, place))
    except CredentialsError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    if removed:
        print(
            f"{venue} {place}: keys removed from {folder / FILE_NAME}; renew them at the venue if others may have them"
        )
    else:
        print(f"{venue} {place}: {folder / FILE_NAME} has no keys of it", file=sys.stderr)
    if all(os.environ.get(name) for name in names):
        print(f"{names[0]} of the environment is still used: unset it to trade without these keys", file=sys.stderr)
    return EXIT_OK if removed else EXIT_FAILED
