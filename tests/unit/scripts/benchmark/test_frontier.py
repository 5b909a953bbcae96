"""The frontier: what modes reach and take, side by side."""

import json
import math

import pytest

from app.domain.cells import Usage
from scripts.benchmark.__main__ import main
from scripts.benchmark.frontier.modes import MODES, mode_called, mode_from
from scripts.benchmark.frontier.runs import frontiers_of, picture, points_of
from scripts.benchmark.frontier.table import table
from scripts.benchmark.measures.accuracy import accuracy
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.pages.drawing import styles
from scripts.benchmark.pages.plots.frontier import FREE, FrontierPoint, frontier_plot
from scripts.benchmark.records.journal import Journal
from scripts.benchmark.records.reading import read_all
from scripts.benchmark.records.results import Run, ScenarioResult, TargetSet
from scripts.scorer_options import SERVICE_DEFAULTS

HIGH = TargetSet("high", "high", ({"wit": 1.0},))
LABELS = ({"wit": 1.0}, {"wit": 0.0})


def run(folder, label, right, *, of=40, calibrated=False, tokens=100, seconds=8.0, model="judge"):
    """A run that is right on the first `right` scenarios."""
    ids = tuple(str(i) for i in range(of))
    made = Run(
        method="comparative",
        settings={"calibration": "c"} if calibrated else {},
        attributes={"wit": (0.0, 1.0)},
        target_sets=(HIGH,),
        data=(),
        sample=None,
        sample_seed=0,
        scenarios=ids,
        command="",
        versions={},
        started="",
        label=label,
        concurrency=4,
        dataset="jokes",
        scorer={} if label == FREE else {"model": model},
    )
    journal = Journal.open(folder, made)
    if calibrated:
        journal.know_calibration({"name": "c", "digest": "d", "basis": "together"})
    for number, name in enumerate(ids):
        journal.add(
            ScenarioResult(
                name,
                LABELS,
                selected={"high": "A" if number < right else "B"},
                seconds=seconds,
                usage=Usage(prompt_tokens=tokens - 10, output_tokens=10) if tokens else Usage(),
                cached=calibrated,
            )
        )
    journal.close()
    return folder


@pytest.fixture
def folders(tmp_path):
    return [
        run(tmp_path / "free", FREE, 26, tokens=10),
        run(tmp_path / "a", "digits", 20, tokens=1000, seconds=2.0),
        run(tmp_path / "b", "digits, calibrated", 30, calibrated=True, tokens=1000),
        run(tmp_path / "c", "few-shot", 22, tokens=9000, seconds=40.0),
    ]


def test_the_table_shows_accuracy_cost_and_gain_of_each_mode(folders):
    (frontier,) = frontiers_of(read_all(folders))
    lines = table(frontier, ["high"]).split("\n")
    header, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    assert header[0] == "jokes, judge"
    assert header[-4:] == ["prompt tokens sent", "computed", "written", "seconds"]
    free, raw, better, reference = rows
    assert free[:2] == [FREE, "raw"]
    assert free[-4:] == [""] * 4  # no model, no tokens
    assert raw[0:4] == ["digits", "raw", "40", "50.0 [34, 66]"]
    assert raw[-4:] == ["990", "990", "10", "0.5"]  # 2 s with four in flight
    assert better[1] == "calibrated"
    assert better[4].startswith("+20.0 [")
    assert reference[4] == ""  # it is what the others are compared with


def test_seconds_are_divided_by_the_requests_in_flight(tmp_path):
    """A run that was resumed with another concurrency."""
    folder = run(tmp_path / "a", "digits", 20, seconds=8.0)  # 2 s apart: four in flight
    lines = (folder / "scenarios.jsonl").read_text().splitlines()
    changed = [{**json.loads(line), "seconds": 8.0, "concurrency": 1} for line in lines[20:]]
    lines[20:] = [json.dumps(line) for line in changed]
    (folder / "scenarios.jsonl").write_text("\n".join(lines) + "\n")
    (frontier,) = frontiers_of(read_all([folder]))
    assert frontier.measured[0].point("high").seconds == pytest.approx((2 + 8) / 2)
    assert frontier.measured[0].results.concurrencies == (1, 4)


def test_calibrated_scores_cost_as_much_as_raw_ones(folders):
    (frontier,) = frontiers_of(read_all(folders))
    svg = picture(frontier, "high")
    assert svg.count("<svg ") == 1


def point(percent, *, tokens=1000.0, seconds=None, is_free=False):
    pairs = pairs_of(
        [ScenarioResult(str(i), LABELS, selected={"high": "AB"[i >= percent]}) for i in range(100)],
        HIGH,
    )
    return FrontierPoint(accuracy(pairs), None if is_free else tokens, seconds, is_free)


def panels(points):
    """The axes of tokens, and those of seconds where there are any."""
    return frontier_plot.__wrapped__(points, styles(points), "high").axes


def share_of(axes, x):
    """How far along a logarithmic axis a value stands, from 0 to 1."""
    low, high = axes.get_xlim()
    return math.log(x / low) / math.log(high / low)


@pytest.mark.parametrize("others", [{}, {"few-shot": {"raw": point(40, seconds=500.0)}}])
def test_calibrated_points_are_shifted_by_a_constant_share_of_the_axis(others):
    """They cost the same: a shift of the picture, too small to be read as a difference."""
    pair = {"raw": point(50, seconds=4.0), "calibrated": point(60, seconds=4.0)}
    seconds = panels({"digits": pair} | others)[1]
    places = sorted(share_of(seconds, line.get_xdata()[0]) for line in seconds.lines)
    assert places[1] - places[0] == pytest.approx(0.02)


def test_the_axis_of_a_single_cost_goes_from_half_of_it_to_twice():
    tokens, seconds = panels({"digits": {"raw": point(50, tokens=900.0, seconds=4.0)}})
    assert tokens.get_xlim() == pytest.approx((450, 1800))
    assert seconds.get_xlim() == pytest.approx((2, 8))


def test_every_point_has_room_within_its_axis():
    costs = (3.0, 50.0, 4000.0)
    points = {f"mode {x}": {"raw": point(50, seconds=x)} for x in costs}
    places = [share_of(panels(points)[1], x) for x in costs]
    assert min(places) > 0.05
    assert max(places) < 0.95


def test_modes_without_a_time_are_named_below_the_seconds():
    points = {
        FREE: {"raw": point(70, is_free=True)},
        "digits": {"raw": point(50, seconds=4.0), "calibrated": point(60, seconds=4.0)},
        "few-shot": {"raw": point(45)},
        "zero-shot": {"raw": point(46)},
    }
    tokens, seconds = panels(points)
    assert tokens.get_xlabel() == "tokens computed a scenario"
    assert seconds.get_xlabel() == "seconds a scenario\nnot timed: few-shot; zero-shot"
    assert len(panels({"few-shot": points["few-shot"]})) == 1  # no seconds, no panel


def test_endpoints_that_count_no_tokens_have_no_token_figures(tmp_path):
    folders = [run(tmp_path / "u", "digits", 20, tokens=0), run(tmp_path / "f", "few-shot", 22)]
    (frontier,) = frontiers_of(read_all(folders))
    assert {one.mode: one.point("high").tokens for one in frontier.measured} == {
        "digits": None, "few-shot": 100,
    }  # fmt: skip
    tokens, seconds = panels(points_of(frontier, "high"))  # drawn by its time all the same
    assert tokens.get_xlabel() == "tokens computed a scenario\nnot counted: digits"
    assert seconds.get_xlabel() == "seconds a scenario"


def test_every_mode_has_a_name_of_its_own():
    names = [mode.name for mode in MODES]
    assert len(set(names)) == len(names)
    assert mode_called("few-shot").scorer == SERVICE_DEFAULTS
    with pytest.raises(ValueError, match="no mode is called 'many-shot'"):
        mode_called("many-shot")


def test_table_and_pictures_are_drawn_from_folders(folders, tmp_path, capsys):
    assert main(["draw", *map(str, folders), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "frontier.md").read_text() in capsys.readouterr().out
    assert (tmp_path / "out" / "frontier-1-jokes-judge-high.svg").exists()


def test_each_model_is_compared_with_its_own_few_shot_scores(folders, tmp_path, capsys):
    folders += [
        run(tmp_path / "d", "digits", 30, model="other"),
        run(tmp_path / "e", "few-shot", 10, model="other"),
    ]
    ours, other = frontiers_of(read_all(folders))
    assert [one.mode for one in ours.measured] == [FREE, "digits", "digits", "few-shot"]
    assert [one.mode for one in other.measured] == [FREE, "digits", "few-shot"]
    assert "+50.0 [" in table(other, ["high"])
    assert "+50.0 [" not in table(ours, ["high"])
    assert main(["draw", *map(str, folders), "--out", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out").glob("frontier-*-jokes-*-high.svg"))) == 2


def test_features_alone_count_with_the_scenarios_that_the_model_was_asked_about(tmp_path):
    folders = [
        run(tmp_path / "free", FREE, 20, of=40),
        run(tmp_path / "a", "digits", 10, of=20, model="judge"),
        run(tmp_path / "b", "digits", 10, of=30, model="other"),
    ]
    found = [one.measured[0].results for one in frontiers_of(read_all(folders))]
    assert [len(free.answered) for free in found] == [20, 30]
    (alone,) = frontiers_of(read_all(folders[:1]))
    assert len(alone.measured[0].results.answered) == 40


def test_the_picture_names_different_numbers_of_scenarios(folders, tmp_path):
    (frontier,) = frontiers_of(read_all(folders))
    assert list(points_of(frontier, "high")) == [FREE, "digits", "few-shot"]
    short = run(tmp_path / "short", "few-shot", 9, of=20)
    (frontier,) = frontiers_of(read_all([*folders[:3], short]))
    assert list(points_of(frontier, "high")) == [
        FREE,
        "digits (40 scenarios)",
        "few-shot (20 scenarios)",
    ]
    longer = run(tmp_path / "longer", "digits", 30, of=60, calibrated=True)
    (frontier,) = frontiers_of(read_all([folders[1], longer]))
    (name,) = found = points_of(frontier, "high")
    assert name == "digits (40 and 60 scenarios)"
    assert list(found[name]) == ["raw", "calibrated"]


def test_two_runs_of_one_mode_are_refused(folders, tmp_path, capsys):
    folders.append(run(tmp_path / "again", "digits", 25))
    assert main(["draw", *map(str, folders), "--out", str(tmp_path / "out")]) == 1
    first, last = folders[1].name, folders[-1].name
    message = f"{first} and {last} are both 'digits', raw, on jokes, judge"
    assert message in capsys.readouterr().err


def test_a_folder_without_a_run_is_an_error(tmp_path, capsys):
    assert main(["draw", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert f"error: {tmp_path} is not a run and holds none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("digits", (None, None)), ("few-shot=20:50", (20, 50)), ("zero-shot=all", (None, None))],
)
def test_modes_can_have_sizes(text, sizes):
    mode = mode_from(text)
    assert (mode.scenarios, mode.training) == sizes


def test_a_target_set_that_no_run_has_is_an_error(folders, tmp_path, capsys):
    given = ["draw", str(folders[0]), "--out", str(tmp_path), "--targets", "sampled"]
    assert main(given) == 1
    assert "no run has the targets 'sampled': high" in capsys.readouterr().err
