"""Targets: high, low, sampled, all."""

import json

import numpy as np
import pytest

from scripts.benchmark.__main__ import main
from scripts.benchmark.records.targets import (
    UnusableTargets,
    choices_of,
    parse_targets,
    sample,
    selected_by,
    wishes_for,
)

LEVELS = {"care": (0.0, 0.5, 1.0), "wit": (0.0, 1.0)}


def test_high_is_one_and_low_is_zero_for_every_attribute():
    high, low = parse_targets(["high", "low"], LEVELS, 0)
    assert high.expand() == [{"care": 1.0, "wit": 1.0}]
    assert low.expand() == [{"care": 0.0, "wit": 0.0}]


def test_all_is_every_combination_of_levels():
    (found,) = parse_targets(["all"], LEVELS, 0)
    assert len(found) == 6
    assert found.expand()[1] == {"care": 0.0, "wit": 1.0}
    (paper,) = parse_targets(["all"], {f"a{i}": [k / 6 for k in range(7)] for i in range(6)}, 0)
    assert len(paper) == 117_649


def test_a_continuum_is_cut_into_five_levels():
    assert len(parse_targets(["all"], {"care": ()}, 0)[0]) == 5


def test_samples_have_equally_many_different_targets_of_each_size():
    targets = sample(2, LEVELS, 0)
    assert [len(t) for t in targets] == [1, 1, 2, 2]
    assert len({json.dumps(t) for t in targets}) == 4
    assert targets == sample(2, LEVELS, 0)
    assert targets != sample(2, LEVELS, 1)
    assert all(value in LEVELS[name] for t in targets for name, value in t.items())


def test_a_sample_larger_than_all_targets_has_all():
    assert len(sample(100, LEVELS, 0)) == 5 + 6


def test_targets_of_a_file(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": "x", "target": {"care": 0.5}}\n\n{"wit": 1}\n')
    (found,) = parse_targets([f"sampled:{path}"], LEVELS, 0)
    assert found.expand() == [{"care": 0.5}, {"wit": 1.0}]


def test_a_target_file_may_have_a_byte_order_mark_and_line_separators_in_strings(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('\ufeff{"id": "a\u2028b", "target": {"care": 0.5}}\r\n{"wit": 1}', "utf-8")
    (targets,) = parse_targets([f"sampled:{path}"], LEVELS, 0)
    assert targets.expand() == [{"care": 0.5}, {"wit": 1.0}]


@pytest.mark.parametrize("line", ["[]", "nonsense", '{"target": {"luck": 1}}', '{"care": 2}', "{}"])
def test_other_lines_in_a_target_file_are_refused_by_number(tmp_path, line):
    path = tmp_path / "t.jsonl"
    path.write_text(line)
    with pytest.raises(UnusableTargets, match="line 1"):
        parse_targets([f"sampled:{path}"], LEVELS, 0)


@pytest.mark.parametrize("text", ["highest", "sample:0", "sample:x", "sampled:", "all:3"])
def test_unknown_specifications_are_refused(text):
    with pytest.raises(UnusableTargets, match="high, low"):
        parse_targets([text], LEVELS, 0)


def test_the_same_targets_twice_are_refused():
    with pytest.raises(UnusableTargets, match="more than once"):
        parse_targets(["high", "high"], LEVELS, 0)


def test_targets_are_restricted_to_labelled_attributes():
    sets = parse_targets(["high", "all"], LEVELS, 0)
    wishes = wishes_for(["care"], sets)
    assert sorted(w["care"] for w in wishes.unique) == [0.0, 0.5, 1.0]
    letters = wishes.spread(choices_of([0 if w["care"] == 1 else None for w in wishes.unique]))
    assert letters == {"high": "A", "all": "----AA"}
    other = wishes_for(["luck"], sets)
    assert other.unique == ()
    assert other.spread(choices_of([])) == {"high": "-", "all": "------"}


def test_a_selection_needs_scores_for_every_attribute_of_the_target():
    wishes = wishes_for(["care", "wit"], parse_targets(["high", "low"], LEVELS, 0))
    scores = {"care": np.array([0.9, 0.2]), "wit": np.array([0.1, 0.2])}
    assert selected_by(scores, wishes).tolist() == [0, 1]
    assert selected_by({"care": scores["care"]}, wishes).tolist() == [-1, -1]


def test_prompt_aligned_refuses_all_targets_with_a_reason(tmp_path, capsys):
    path = tmp_path / "s.jsonl"
    line = {"id": "x", "question": "q", "responses": ["a", "b"], "labels": [{"c": 0}, {"c": 1}]}
    path.write_text(json.dumps(line))
    given = ["run", "--scenarios", str(path), "--method", "prompt_aligned", "--targets", "all"]
    assert main([*given, "--out", str(tmp_path / "out")]) == 1
    assert "once for each target" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
