"""`footprint`: measure what a service takes to start and to run, on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from scripts.benchmark.load.footprint import CellMemory, Footprint, footprint, real_engine


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("--model", type=Path, metavar="FOLDER", help="measure a worker with this model as well")
    add("--out", type=Path, metavar="FILE", help="write the figures as JSON as well")


def run(arguments: argparse.Namespace) -> int:
    """Start a service for each engine, measure, and print tables in Markdown."""
    engines: dict[str, dict[str, str]] = {"fake": {}}
    if arguments.model:
        engines[f"vllm, {arguments.model.name}"] = real_engine(arguments.model)
    taken: list[Footprint] = []
    cells: list[CellMemory] = []
    print("| engine | API answers after s | worker ready after s | API MiB | worker MiB |")
    print("|---|---|---|---|---|", flush=True)
    for engine, settings in engines.items():
        one, of_cells = footprint(engine, settings)
        taken.append(one)
        cells += of_cells
        print(
            f"| {one.engine} | {one.api_ready_s:.1f} | {one.worker_ready_s:.1f} "
            f"| {one.api_mib:.0f} | {one.worker_mib:.0f} |",
            flush=True,
        )
    print("\n| in Redis, three replies | a cell, bytes | the rest of a score set, bytes |")
    print("|---|---|---|")
    for cell in cells:
        print(f"| {cell.kind} | {cell.cell:.0f} | {cell.rest:.0f} |")
    if arguments.out:
        figures = {"processes": taken, "cells": cells}
        arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    return 0
