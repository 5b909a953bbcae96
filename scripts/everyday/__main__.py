"""How many everyday choices a running service gets right: `python -m scripts.everyday`."""

from __future__ import annotations

import argparse
import asyncio

from scripts.client.connection import api_key_of_environment
from scripts.client.service import Service
from scripts.everyday.scenarios import HALVES, Half, everyday_scenarios
from scripts.scorer_options import DEFAULT_URL


async def rightly_chosen(url: str, half: Half) -> tuple[int, int]:
    """How many choices of a half the service's defaults get right, and of how many."""
    right = asked = 0
    async with Service(url, 1, api_key=api_key_of_environment()) as service:
        for scenario in everyday_scenarios(half):
            for choice in scenario.choices:
                body = {"question": scenario.question, "responses": list(scenario.candidates)}
                answer, _ = await service.select(body | {"target": dict(choice.target)})
                asked += 1
                selected = answer.selection.selected
                right += selected is not None and selected.index == choice.right
    return right, asked


def main() -> None:
    """Print a line for each half."""
    parser = argparse.ArgumentParser(prog="scripts.everyday", description=__doc__)
    parser.add_argument("--url", default=DEFAULT_URL)
    url = parser.parse_args().url
    for half in HALVES:
        right, asked = asyncio.run(rightly_chosen(url, half))
        print(f"{half}: {right} of {asked} ({right / asked:.0%})")


if __name__ == "__main__":
    main()
