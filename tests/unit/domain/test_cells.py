"""Cells as they are stored."""

from __future__ import annotations

import msgspec
import numpy as np

from app.domain.cells import CandidateScore, Cell, DigitReading, StateReading, stored

READING = DigitReading(probabilities=(0.1234567891,) * 5, mass=0.98765432198, deviation=1 / 3)
CELL = Cell("care", (CandidateScore(2 / 3, spread=0.5, digits=READING),) * 3, created_ms=17_000_000)


def test_floats_are_stored_with_six_digits_and_whole_numbers_as_they_are():
    plain = stored(CELL)
    assert plain["scores"][0]["score"] == 0.666667
    assert plain["scores"][0]["digits"]["probabilities"] == [0.123457] * 5
    assert plain["created_ms"] == 17_000_000


def test_a_stored_cell_is_read_again():
    read = msgspec.json.decode(msgspec.json.encode(stored(CELL)), type=Cell)
    assert read.scores[0].digits is not None
    assert abs(read.scores[0].score - 2 / 3) < 1e-6
    assert msgspec.structs.replace(read, scores=CELL.scores) == CELL


def test_hidden_states_are_stored_whole():
    states = StateReading.of(np.linspace(-3, 3, 12).reshape(2, 6))
    cell = Cell("(states)", (), kind="states", states=(states,))
    assert msgspec.json.decode(msgspec.json.encode(stored(cell)), type=Cell) == cell
