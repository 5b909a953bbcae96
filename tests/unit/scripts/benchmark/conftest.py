"""Fixtures of the report's tests."""

import pytest

from scripts.benchmark.pages.parts import accuracy, cost, leaning, scores


@pytest.fixture
def without_plots(monkeypatch):
    """For tests of words and figures: plots take a second."""
    plots = (
        (accuracy, "accuracy_plot"),
        (accuracy, "size_plot"),
        (leaning, "leaning_plot"),
        (scores, "quality_plot"),
        (cost, "cost_plot"),
    )
    for part, name in plots:
        monkeypatch.setattr(part, name, lambda *_: "<svg/>")
