# SPDX-License-Identifier: MIT
"""Options and subcommands of `samara`."""
import argparse
import sys

from . import errors, fetch


def build_parser():
    parser = argparse.ArgumentParser(prog="samara")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    sub = commands.add_parser("fetch-package", help="unpack Debian arm64 packages into a directory")
    sub.add_argument("--with-dependencies", action="store_true", help="also all that they depend on")
    sub.add_argument("names", nargs="+", metavar="NAME")
    sub.add_argument("destination", metavar="DIRECTORY")
    sub.set_defaults(function=lambda args: fetch.fetch(args.names, args.destination, args.with_dependencies))
    return parser


def main(argv):
    parser = build_parser()
    args = parser.parse_args(argv)
    if not args.command:
        parser.print_help()
        return 0
    try:
        return args.function(args) or 0
    except errors.Failure as failure:
        print(f"samara: {failure}", file=sys.stderr)
        return errors.EXIT_FAILURE
    except KeyboardInterrupt:
        return 130
