"""Examples: the nearest, so that together they cover every label level (paper section 4.1)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bank import LabelledScenario
from workers.retrieval.embedding import HashingEmbedder
from workers.retrieval.examples import (
    Neighbour,
    Without,
    choose_examples,
    joint_level_map,
    level_map,
)
from workers.retrieval.index import ExampleIndex, QueryNeighbours


def scenario(name: str, *labels: float) -> LabelledScenario:
    return LabelledScenario(
        name, "q", tuple(f"r{i}" for i in range(len(labels))), tuple({"a": x} for x in labels)
    )


class Ranked:
    """Neighbours whose row number is their rank."""

    def __init__(self, size: int):
        self._all = [Neighbour(row, 1 - row / 1000) for row in range(size)]

    def nearest(self, count: int) -> list[Neighbour]:
        return self._all[:count]

    def among(self, rows, count=None) -> list[Neighbour]:
        return [self._all[row] for row in sorted(rows)][:count]


def choose(scenarios, count, levels=()):
    chosen = choose_examples(Ranked(len(scenarios)), level_map(scenarios, "a", levels), count)
    return [n.row for n in chosen.neighbours], chosen.uncovered


def test_the_nearest_scenario_for_each_level_then_the_nearest_others():
    bank = [
        scenario("0", 0.5, 0.5),
        scenario("1", 0.5, 1),
        scenario("2", 0.5, 0.5),
        scenario("3", 0.5, 0),
        scenario("4", 0, 0),
    ]
    # 0 is nearest for 0.5, 1 for 1, 3 for 0; 2 is the nearest left.
    assert choose(bank, 4) == ([0, 1, 2, 3], ())
    assert choose(bank, 3) == ([0, 1, 3], ())


def test_if_there_are_more_levels_than_examples_scenarios_with_several_levels_come_first():
    bank = [scenario("0", 0), scenario("1", 0.5), scenario("2", 1), scenario("3", 0, 1)]
    assert choose(bank, 2) == ([1, 3], ())


def test_levels_that_cannot_be_covered_are_reported():
    bank = [scenario("0", 0), scenario("1", 0.5), scenario("2", 1)]
    assert choose(bank, 2) == ([0, 1], (1,))


def test_a_level_that_is_rare_among_the_nearest_is_searched_separately():
    bank = [scenario(str(i), 0.5) for i in range(500)] + [scenario("far", 1.0)]
    rows, uncovered = choose(bank, 3)
    assert rows == [0, 1, 500]
    assert uncovered == ()


def test_scenarios_without_a_label_for_the_attribute_are_skipped():
    other = LabelledScenario("o", "q", ("r",), ({"b": 1},))
    bank = [other] * 100 + [scenario("x", 1)]
    assert choose(bank, 5) == ([100], ())


def test_a_bank_without_the_attribute_gives_no_examples():
    assert choose([LabelledScenario("o", "q", ("r",), ({"b": 1},))], 5) == ([], ())


def test_no_examples_are_chosen_when_none_are_requested():
    assert choose([scenario("x", 1)], 0) == ([], ())


def test_many_different_labels_become_five_levels():
    bank = [scenario(str(i), i / 40) for i in range(41)]
    assert level_map(bank, "a", ()).levels == (0, 0.25, 0.5, 0.75, 1)


def test_declared_levels_are_used_and_labels_belong_to_the_nearest():
    levels = level_map([scenario("0", 0.17), scenario("1", 1 / 6)], "a", (0, 0.17, 0.33))
    assert levels.levels == (0.17,)


@given(
    st.lists(
        st.lists(st.sampled_from([0, 0.25, 0.5, 0.75, 1]), min_size=1, max_size=3), min_size=1
    ),
    st.integers(1, 8),
)
def test_examples_are_different_and_labelled_and_uncovered_levels_are_reported(labels, count):
    bank = [scenario(str(i), *row) for i, row in enumerate(labels)]
    rows, uncovered = choose(bank, count)
    assert len(rows) == len(set(rows)) == min(count, len(bank))
    shown = {x for row in rows for x in labels[row]}
    everything = {x for row in labels for x in row}
    assert shown | set(uncovered) == everything
    assert not shown & set(uncovered)
    if count >= len(everything):
        assert uncovered == ()


def test_the_index_finds_what_brute_force_finds():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query = vectors[7] + 0.1 * vectors[8]
    query /= np.linalg.norm(query)
    nearest = ExampleIndex.build(vectors).search(query, 10)
    assert [n.row for n in nearest] == np.argsort(-(vectors @ query))[:10].tolist()
    best = np.sort(vectors @ query)[::-1][:10]
    assert [n.similarity for n in nearest] == pytest.approx(best.tolist())


def test_given_rows_are_ordered_by_similarity():
    vectors = np.eye(4, dtype=np.float32)
    neighbours = QueryNeighbours(ExampleIndex.build(vectors), vectors[2])
    assert [n.row for n in neighbours.among(np.array([0, 2, 3]))] == [2, 0, 3]


def test_hashed_embeddings_are_unit_vectors_and_reflect_shared_words():
    a, b, c = HashingEmbedder().encode(["the red fox", "a red fox jumps", "quantum field"])
    assert np.linalg.norm(a) == pytest.approx(1)
    assert a @ b > a @ c
    assert HashingEmbedder().encode([""]).shape == (1, 384)


def test_an_excluded_scenario_is_replaced_by_the_next_and_a_level_only_it_shows_is_reported():
    bank = [scenario("0", 0.5), scenario("1", 1), scenario("2", 0.5), scenario("3", 0)]
    levels = level_map(bank, "a", ())
    chosen = choose_examples(Without(Ranked(4), [0, 1]), levels, 4)
    assert [n.row for n in chosen.neighbours] == [2, 3]
    assert chosen.uncovered == (1.0,)
    assert choose_examples(Without(Ranked(4), range(4)), levels, 4).neighbours == ()
    assert [n.row for n in Without(Ranked(4), [1]).nearest(2)] == [0, 2]


def test_declared_levels_that_the_bank_never_shows_are_reported():
    """A bank in which everything is warm teaches the model that everything is."""
    assert choose([scenario("0", 1, 1), scenario("1", 1)], 1, (0, 0.5, 1)) == ([0], (0, 0.5))
    unlabelled = [LabelledScenario("o", "q", ("r",), ({"b": 1},))]
    assert choose(unlabelled, 5, (0, 1)) == ([], (0, 1))


def test_rows_with_the_texts_of_another_are_not_shown_and_their_levels_are_reported():
    bank = [scenario("0", 1, 0), scenario("1", 1, 0), scenario("2", 0.5), scenario("3", 0)]
    levels = level_map(bank, "a", (), repeated={1, 2})
    chosen = choose_examples(Ranked(4), levels, 4)
    assert [n.row for n in chosen.neighbours] == [0, 3]
    assert chosen.uncovered == (0.5,)


def labelled(name: str, *labels: dict[str, float]) -> LabelledScenario:
    return LabelledScenario(name, "q", tuple(f"r{i}" for i in range(len(labels))), labels)


def choose_jointly(bank, count, names=("a", "b")):
    maps = {name: level_map(bank, name, ()) for name in names}
    chosen = choose_examples(Ranked(len(bank)), joint_level_map(bank, maps), count)
    return [n.row for n in chosen.neighbours], chosen.uncovered


def test_joint_examples_cover_the_levels_of_every_attribute_nearest_first():
    bank = [
        labelled("0", {"a": 0, "b": 0}),
        labelled("1", {"a": 0, "b": 0}),
        labelled("2", {"a": 1, "b": 0}),
        labelled("3", {"a": 1, "b": 1}),
        labelled("4", {"a": 1, "b": 1}),
    ]
    assert choose_jointly(bank, 5) == ([0, 1, 2, 3, 4], ())
    assert choose_jointly(bank, 3) == ([0, 2, 3], ())  # nearest for a=0 and b=0, a=1, b=1
    assert choose_jointly(bank, 2) == ([0, 3], ())  # two show all four
    assert choose_jointly(bank, 1) == ([0], (("a", 1), ("b", 1)))


def test_only_completely_labelled_scenarios_are_shown_if_there_are_any():
    bank = [
        labelled("0", {"a": 0}),
        labelled("1", {"a": 0, "b": 1}, {"b": 0}),
        labelled("2", {"a": 0.5, "b": 1}),
        labelled("3", {"a": 1, "b": 0}, {"c": 1}),
    ]
    assert choose_jointly(bank, 5) == ([2, 3], ())
    # Without those the others show the labels that they have.
    assert choose_jointly(bank[:2], 5) == ([0, 1], ())
    # Nobody is asked for a label of an attribute that the bank does not label at all.
    assert choose_jointly(bank, 5, ("a", "b", "unheard of")) == ([2, 3], ())


def test_a_joint_map_of_one_attribute_gives_the_same_examples():
    bank = [scenario(str(i), (i % 3) / 2) for i in range(20)]
    for count in (1, 2, 5):
        assert choose_jointly(bank, count, ("a",))[0] == choose(bank, count)[0]


def test_a_level_shown_only_by_an_incompletely_labelled_scenario_is_reported_with_its_attribute():
    bank = [labelled("0", {"a": 0, "b": 1}), labelled("1", {"a": 1})]
    alone = level_map(bank, "a", ())
    chosen = choose_examples(
        Ranked(2), joint_level_map(bank, {"a": alone, "b": level_map(bank, "b", ())}), 5
    )
    assert chosen.uncovered == ()
    assert alone.left_out(chosen.neighbours) == (1,)
    assert level_map(bank, "b", ()).left_out([Neighbour(1, 0.5)]) == (1,)


def test_a_bank_that_is_shown_whole_keeps_its_order():
    """So every prompt begins with the same tokens, which the engine's prefix cache holds."""

    class Backwards(Ranked):
        def among(self, rows, count=None):
            return [self._all[row] for row in sorted(rows, reverse=True)]

    bank = [scenario("0", 0), scenario("1", 0.5), scenario("2", 1)]
    chosen = choose_examples(Backwards(3), level_map(bank, "a", ()), 5)
    assert [n.row for n in chosen.neighbours] == [0, 1, 2]
