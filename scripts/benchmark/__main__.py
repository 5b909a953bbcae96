"""The benchmark's commands: `python -m scripts.benchmark COMMAND …`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from scripts.benchmark.records.journal import OtherRun
from scripts.client.problems import ServiceAway, ServiceProblem

COMMANDS = {
    "run": "run a method on scenarios, against a running Azimuth",
    "report": "write a page with tables and plots of several runs",
    "table": "print a short table of several runs",
    "compare": "compare the accuracy of two runs",
    "align": "write a run's selections as ALIGN's input_output.json",
    "frontier": "run several modes of scoring, raw and calibrated, and draw accuracy against cost",
    "learning": "measure what calibrations learn from few labelled scenarios",
    "draw": "draw accuracy against cost from runs",
    "load": "measure how fast a service answers from its cache, on this machine",
    "attacks": "measure how much texts that attack the judge change its scores",
    "engine": "compare Azimuth with LLM.generate and with the paper's way, on the same prompts",
    "asking": "measure what ways to ask the same judge take, on this machine",
    "retrieval": "measure the search of examples in a large bank, on this machine",
    "groups": "measure what examples for a group, and choosing for people and groups, are worth",
    "footprint": "measure what a service takes to start and to run, on this machine",
    "soak": "ask a service while its processes are killed, and check every answer",
    "publish": "add runs to an archive of published runs",
    "results": "write the tables and pictures of RESULTS.md from the published runs",
}
"""Command -> what it does; each is a module of `scripts.benchmark.commands`."""


class Command(Protocol):
    """What a module of `scripts.benchmark.commands` has."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Describe the command line."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do the work; the exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run its command; the exit status."""
    parser, command = parser_for(list(sys.argv[1:] if arguments is None else arguments))
    parsed = parser.parse_args(arguments)
    assert command is not None, "the parser accepts known commands only"
    try:
        return command.run(parsed)
    except (OtherRun, ServiceProblem, ServiceAway, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: run the same command again to resume", file=sys.stderr)
        return 130


def parser_for(given: list[str]) -> tuple[argparse.ArgumentParser, Command | None]:
    """The parser, and the command that was named: only its module is imported."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    chosen: Command | None = None
    for name, summary in COMMANDS.items():
        own = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        if given and given[0] == name:
            module = importlib.import_module(f"scripts.benchmark.commands.{name}")
            chosen = cast(Command, module)
            chosen.add_options(own)
    return parser, chosen


if __name__ == "__main__":
    sys.exit(main())
