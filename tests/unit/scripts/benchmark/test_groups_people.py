"""What choosing for people is worth on public data, where it is present."""

import numpy as np
import pytest

from scripts.benchmark.groups.matrix import large_table, timings
from scripts.benchmark.groups.opinions import read_opinions, right_answers
from scripts.benchmark.groups.people import group_values, learning_curve, read_ratings


@pytest.mark.parametrize("kind", ["rating", "text_rating"])
def test_five_own_ratings_are_worth_a_tenth_of_a_point_and_intervals_hold(shared_data, kind):
    files = [shared_data / "spica" / name for name in ("train.jsonl", "bank_ratings.jsonl")]
    table = read_ratings(files, kind)
    curve = {one.own: one for one in learning_curve(table, draws=1)}
    assert curve[5].gain.mean() >= 0.10
    covered = np.nanmean(curve[5].inside, axis=0)
    assert 0.76 <= covered.mean() <= 0.86
    assert covered.min() >= 0.72
    assert curve[10].gain.mean() > curve[1].gain.mean() > 0
    ways = {one.way: one for one in group_values(table)}
    maximin, by_mean = ways["one for all: maximin"], ways["class means"]
    assert maximin.worst.mean() <= by_mean.worst.mean() + 1e-9


def test_other_groups_answers_to_similar_questions_predict_a_groups(shared_data):
    opinions = read_opinions(shared_data / "opinionqa")
    groups = sorted({one.group for one in opinions})
    right = [right_answers(opinions, group, "others, other questions") for group in groups]
    assert np.concatenate(right).mean() >= 0.52


def test_every_kind_of_work_with_a_matrix_is_timed():
    found = timings(large_table(100, prompts=3), rounds=1)
    assert len(found) == 4
    assert all(own >= 0 for _, own in found.values())
