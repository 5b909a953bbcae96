"""A results folder while it is written."""

import pytest

from scripts.benchmark.__main__ import main
from scripts.benchmark.records.journal import Journal, OtherRun
from scripts.benchmark.records.results import Run

RUN = Run(
    method="oracle", settings={}, attributes={"care": ()}, target_sets=(), data=(), sample=None,
    sample_seed=0, scenarios=("s0",), command="", versions={}, started="",
)  # fmt: skip


def test_two_runs_do_not_write_to_one_folder(tmp_path):
    journal = Journal.open(tmp_path / "r", RUN)
    with pytest.raises(OtherRun, match="another run is writing"):
        Journal.open(tmp_path / "r", RUN)
    journal.compact()
    journal.close()
    Journal.open(tmp_path / "r", RUN).close()


def test_a_refused_run_releases_the_folder(tmp_path):
    Journal.open(tmp_path, RUN).close()
    other = Run(**{**{f: getattr(RUN, f) for f in RUN.__struct_fields__}, "method": "random"})
    with pytest.raises(OtherRun, match="other method"):
        Journal.open(tmp_path, other)
    Journal.open(tmp_path, RUN).close()


SCORER = {"fingerprint": "f", "model": "m", "prompt_profile": "joint/1:a", "joint": ["a", "b"]}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"fingerprint": "g"}, False),
        ({"fingerprint": "g", "joint": ["a"]}, True),
        ({"fingerprint": "g", "joint": [], "prompt_profile": "comparative/2:b"}, True),
        ({"fingerprint": "g", "joint": ["a"], "model": "n"}, False),
    ],
)
def test_a_run_has_one_scorer_except_for_attributes_asked_jointly(tmp_path, changes, same):
    journal = Journal.open(tmp_path / "r", RUN)
    journal.know_scorer(SCORER)
    if same:
        journal.know_scorer(SCORER | changes)
    else:
        with pytest.raises(OtherRun, match="the service answers"):
            journal.know_scorer(SCORER | changes)
    assert journal.run.scorer == SCORER
    journal.close()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--scenarios", "{folder}"], "directory"),
        (["--scenarios", "{folder}/none.jsonl"], "No such file"),
        (["--scenarios", "{file}", "--url", "127.0.0.1:1"], "is not a URL"),
    ],
)
def test_errors_are_one_line(tmp_path, capsys, given, why):
    file = tmp_path / "data.jsonl"
    file.write_text(
        '{"id": "a", "question": "q", "responses": ["x", "y"], "labels": [{"c": 0}, {"c": 1}]}'
    )
    filled = [text.format(folder=tmp_path, file=file) for text in given]
    out = ["--method", "comparative", "--targets", "high", "--out", str(tmp_path / "r")]
    assert main(["run", *filled, *out]) == 1
    assert why in capsys.readouterr().err
