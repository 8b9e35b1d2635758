"""The command `wangge`: each subcommand is a module of `commands/`, a failure is one sentence and a status of 1.

A command module has `add(subparsers)`, which only describes arguments (it imports nothing heavy), and `run(args) -> int`.
One that adds several commands gives each parser a default `run` of its own. `policy_explain.py` is the action `explain` of
the command `policy`: its `add(actions)` describes that action.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import Any

from . import commands
from .errors import WanggeError
from .logs import configure

UNMADE = frozenset(("42P01", "42703", "42883", "3F000"))
"""SQLSTATE of what a database lacks to which no plan, or an older one, was applied."""
FORBIDDEN = "42501"
NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the status for the shell."""
    args = build_parser().parse_args(arguments)
    configure("warning")  # to standard error: what a command prints is for programs too
    try:
        status: int = args.run(args)
        return status
    except WanggeError as error:
        print(f"wangge: {error}", file=sys.stderr)
        return 1
    except BaseExceptionGroup as group:
        ours, others = group.split(WanggeError)
        if ours is None or others is not None:
            raise
        for each in _leaves(ours):
            print(f"wangge: {each}", file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader of our output has gone, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        if error.filename is None and error.errno not in NO_ROOM:
            raise
        print(f"wangge: {_about_file(error)}", file=sys.stderr)
        return 1
    except Exception as error:
        if (sentence := _about_database(error)) is None:
            raise
        print(f"wangge: {sentence}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="wangge",
        description="Wangge (网格): a low-code platform for community grid management",
        epilog="Settings are environment variables, such as WANGGE_HOME and WANGGE_PORT; `wangge doctor` lists them.",
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for found in sorted(pkgutil.iter_modules(commands.__path__), key=lambda each: each.name):
        module = importlib.import_module(f"{commands.__name__}.{found.name}")
        command, _, action = found.name.partition("_")
        if action:
            _add_action(subparsers, command, action, module)
            continue
        before = set(subparsers.choices)
        module.add(subparsers)
        for name in set(subparsers.choices) - before:
            _complete(subparsers.choices[name], module)
    return parser


def _add_action(subparsers: Any, command: str, action: str, module: Any) -> None:
    """Add an action that has a file of its own to its command, which is made when no file describes it."""
    if command not in subparsers.choices:
        text = getattr(module, "COMMAND", command)
        made = subparsers.add_parser(command, help=text, description=text[:1].upper() + text[1:] + ".")
        made.add_subparsers(dest="action", metavar="ACTION", required=True)
    parser: argparse.ArgumentParser = subparsers.choices[command]
    actions: Any = next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    module.add(actions)
    _complete(actions.choices[action], module)


def _about_file(error: OSError) -> str:
    """What the operating system refuses, with the file."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or type(error).__name__}"


def _about_database(error: Exception) -> str | None:
    """What PostgreSQL refuses in one line; None when the error comes from elsewhere."""
    state = getattr(error, "sqlstate", None)
    if not isinstance(state, str):
        return None
    if state in UNMADE:
        return "this database has no tables of this version of Wangge: run `wangge apply`, or start `wangge up`, first"
    if state == FORBIDDEN:
        return f"the database user has too few rights ({_line(error)}): name the owner with WANGGE_DATABASE_OWNER_URL"
    return f"PostgreSQL refused: {_line(error)} ({state})"


def _line(error: Exception) -> str:
    """The first line of an error."""
    return str(error).partition("\n")[0]


def _complete(parser: argparse.ArgumentParser, module: Any) -> None:
    if parser.get_default("run") is None and hasattr(module, "run"):
        parser.set_defaults(run=module.run)


def _leaves(group: BaseExceptionGroup[WanggeError]) -> list[WanggeError]:
    found: list[WanggeError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
