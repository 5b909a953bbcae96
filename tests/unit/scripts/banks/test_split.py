"""The stratified split of a pool."""

from collections import Counter
from collections.abc import Iterable, Sequence

import pytest

from scripts.banks.scenarios import (
    Scenario,
    one_per_question,
)
from scripts.banks.split import Split, share, split_pool
from tests.unit.scripts.banks.corpora import ATTRIBUTES, LEVELS, PAIRS, pool_of, scenario_of


def split(
    scenarios: Sequence[Scenario], *, eval_n: int = 5, train_n: int = 5, seed: int = 0
) -> Split:
    return split_pool(
        scenarios, ATTRIBUTES, eval_per_label=eval_n, train_per_label=train_n, seed=seed
    )


def held(scenarios: Iterable[Scenario]) -> Counter[tuple[str, float]]:
    return Counter(pair for scenario in scenarios for pair in scenario.label_pairs())


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("eval_n", "train_n"), [(5, 5), (3, 12), (12, 3)])
def test_every_label_pair_is_covered_in_both_parts(seed: int, eval_n: int, train_n: int) -> None:
    pool = pool_of(400, seed)
    assert min(held(pool)[pair] for pair in PAIRS) >= eval_n + train_n
    result = split(pool, eval_n=eval_n, train_n=train_n, seed=seed)
    assert min(held(result.eval)[pair] for pair in PAIRS) >= eval_n
    assert min(held(result.train)[pair] for pair in PAIRS) >= train_n
    assert result.shortfalls == ()
    assert len(result.eval) == eval_n * len(PAIRS)
    assert len(result.train) == train_n * len(PAIRS)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("size", [1, 7, 40, 400])
def test_the_parts_share_no_scenario_and_no_question(seed: int, size: int) -> None:
    result = split(pool_of(size, seed), seed=seed)
    ids = [s.id for s in (*result.eval, *result.train)]
    questions = [s.question for s in (*result.eval, *result.train)]
    assert len(set(ids)) == len(set(questions)) == len(ids)


def test_questions_that_differ_only_in_case_and_spacing_are_one() -> None:
    left_out: Counter[str] = Counter()
    kept = one_per_question([scenario_of(q) for q in ("Why?", "why? ", "Why  me?")], left_out)
    assert [s.question for s in kept] == ["Why?", "Why  me?"]
    assert left_out.total() == 1


@pytest.mark.parametrize(
    ("available", "eval_wanted", "train_wanted", "shares"),
    [
        (100, 8, 8, (8, 8)),
        (16, 8, 8, (8, 8)),
        (15, 8, 8, (8, 7)),
        (9, 8, 8, (5, 4)),
        (1, 8, 8, (1, 0)),
        (0, 8, 8, (0, 0)),
        (8, 2, 20, (2, 6)),
        (8, 20, 2, (6, 2)),
    ],
)
def test_eval_takes_up_to_half_of_scarce_label_pairs(
    available: int, eval_wanted: int, train_wanted: int, shares: tuple[int, int]
) -> None:
    assert share(available, eval_wanted, train_wanted) == shares


def test_scarce_label_pairs_are_shared_and_reported() -> None:
    # Warmth 0 occurs seven times and warmth 1 not at all; the rest is plentiful.
    plenty = [scenario_of(f"plain {i}", (0.5, LEVELS[i % 3]), (0.5, 0.5)) for i in range(200)]
    scarce = [scenario_of(f"cold {i}", (0.0, 0.5), (0.5, 0.5)) for i in range(7)]
    result = split(plenty + scarce)
    short = [(c.attribute, c.level, c.available, c.eval, c.train) for c in result.shortfalls]
    assert short == [("warmth", 0.0, 7, 4, 3), ("warmth", 1.0, 0, 0, 0)]
    assert len(result.eval) == len(result.train) == 30


@pytest.mark.parametrize("seed", range(20))
def test_the_rarest_label_pairs_are_assigned_first(seed: int) -> None:
    # Warmth 0.5, warmth 1 and wit 1 occur twice, the others three times. Served in the order of
    # the attributes, warmth 0 would take for one part what the other needs.
    pool = [
        scenario_of("a", (0.0, 0.5), (0.0, 0.0)),
        scenario_of("b", (1.0, 1.0), (0.0, 0.5)),
        scenario_of("c", (0.0, 0.0), (0.5, 0.5)),
        scenario_of("d", (0.5, 0.0), (1.0, 1.0)),
    ]
    assert split(pool, eval_n=1, train_n=1, seed=seed).shortfalls == ()


@pytest.mark.parametrize("seed", range(20))
def test_a_part_leaves_scenarios_that_only_the_other_needs(seed: int) -> None:
    # Eval gets wit 0 with the only warmth 0. The second wit 0 is then for train, although it
    # comes with more that eval needs than any other scenario.
    pool = [
        scenario_of("both rare", (0.0, 0.0)),
        scenario_of("wit 0 and more", (1.0, 0.0), (1.0, 0.5), (1.0, 1.0)),
        scenario_of("warmth 1 alone", (1.0, 0.5)),
        *(scenario_of(f"common {i}", (0.5, 0.5), (0.5, 1.0)) for i in range(20)),
    ]
    shortfalls = split(pool, eval_n=1, train_n=1, seed=seed).shortfalls
    assert [(c.attribute, c.level) for c in shortfalls] == [("warmth", 0.0)]


def test_coverage_states_what_the_parts_hold() -> None:
    pool = pool_of(100, seed=3)
    result = split(pool)
    assert [(c.attribute, c.level) for c in result.coverage] == PAIRS
    for c, pair in zip(result.coverage, PAIRS, strict=True):
        assert c.available == held(pool)[pair]
        assert (c.eval, c.train) == (held(result.eval)[pair], held(result.train)[pair])


def test_a_small_pool_is_used_up_half_and_half() -> None:
    result = split(pool_of(41, seed=2, weights=(1, 1, 1)))
    assert (len(result.eval), len(result.train)) == (21, 20)


def test_a_seed_decides_the_split_and_another_changes_it() -> None:
    pool = pool_of(400, seed=0)
    assert split(pool, seed=7) == split(pool, seed=7)
    assert split(pool, seed=7) != split(pool, seed=8)


def test_the_parts_keep_the_order_of_the_pool() -> None:
    pool = pool_of(400, seed=0)
    result = split(pool)
    for part in (result.eval, result.train):
        assert [pool.index(s) for s in part] == sorted(pool.index(s) for s in part)
