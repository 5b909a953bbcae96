"""Rendered answers have exactly the members of the models in the contract."""

import numpy as np
import orjson
import pytest

from app.calibrations.applied import Calibrated
from app.domain.calibration.estimate import Estimate
from app.domain.cells import (
    CandidateScore,
    Cell,
    CellTimings,
    DigitReading,
    ExampleUse,
    Pending,
    Unscored,
    Usage,
)
from app.domain.fingerprint import scorer_fingerprint
from app.domain.scenario import Presentation
from app.domain.score_set import ScoreSet
from app.domain.scorer import BankRef, ModelIdentity, Scorer, ScorerSettings
from app.domain.selection.distance import distances
from app.domain.selection.explanation import explain
from app.domain.selection.ranking import rank
from app.domain.selection.targets import target_matrix
from app.domain.selection.uncertainty import Abstention, SharedErrors
from app.http.json_answers import json_answer
from app.scores.rendering import score_set_out, timings_out, usage_out
from app.scores.schemas import ScoreSetOut, TimingsOut, UsageOut
from app.scoring.schemas import ScorerOut, scorer_out
from app.selection.rendering import Chosen, preferred_out, selection_out
from app.selection.schemas import SelectionOut

PROFILES = {"comparative": "comparative/2:1", "comparative-digits": "digits/1:1"}
MODEL = ModelIdentity("judge", "sha256:1", "fake", 4096, "hashing", PROFILES)
SCORER = Scorer(ScorerSettings(), MODEL, BankRef("helpsteer2", "d1"))
PRESENTATION = Presentation(("b", "a"), (1, 0))
WRITTEN = Cell(
    "helpfulness",
    (
        CandidateScore(0.5, 0.1, "Because.", (0.4, 0.6)),
        CandidateScore(1.0, 0.0, None, (1.0, 1.0)),
    ),
    examples=(ExampleUse("s1", 0.75),),
    examples_dropped=("s2",),
    levels_uncovered=(0.25,),
    answers_discarded=1,
    position_bias=-0.125,
    usage=Usage(10, 5, 3),
    timings=CellTimings(1.5, 2.5, 3.5),
)
READ = Cell(
    "verbosity",
    (
        CandidateScore(0.5, digits=DigitReading((0.1, 0.1, 0.1, 0.1, 0.1), 0.5, 0.25)),
        CandidateScore(0.25, digits=DigitReading((0.2, 0.2, 0.2, 0.2, 0.1), 0.9, 0.125)),
    ),
)
VALENCE = Cell("care", tuple(CandidateScore(0.5, valence=(0.5, 0.25, 0.25)) for _ in "ab"))
REWARD = Cell("(choice)", tuple(CandidateScore(0.5, reward=1.5) for _ in "ab"), "choice")
OVERFLOW = Unscored("care", "context-overflow", "too long", 5000, 200, 4096)
LOST = Unscored("fairness", "lost", "ask again")
ERRORS = SharedErrors(np.eye(1) * 0.01, np.zeros((1, 1)))
CALIBRATED = Calibrated(
    "mine",
    "d2",
    Estimate("alone", (0,), np.array([[0.25], [0.75]]), ERRORS),
    ("helpfulness@1",),
)


def same(model, rendered):
    """Whether a model that is built from rendered data has exactly these members and values."""
    plain = orjson.loads(json_answer(rendered).body)
    assert model.model_validate(plain).model_dump(mode="json") == plain


@pytest.mark.parametrize("calibrated", [None, CALIBRATED])
def test_a_rendered_score_set_has_all_members_of_its_model(calibrated):
    cells = {
        "helpfulness@1": WRITTEN,
        "verbosity@1": READ,
        "care@1": VALENCE,
        "care@2": OVERFLOW,
        "fairness@1": LOST,
        "loyalty@1": Pending("loyalty"),
        "(choice)@1": REWARD,
    }
    fingerprint = scorer_fingerprint(SCORER)
    score_set = ScoreSet("d3", SCORER, fingerprint, view="v", cells=cells)
    rendered = score_set_out(score_set, PRESENTATION, ["careful"], calibrated)
    same(ScoreSetOut, rendered)
    assert rendered["status"] == "pending"
    assert rendered["cells"][0]["scores"][0]["score"] == 1.0, "in the caller's order"
    same(UsageOut, usage_out(score_set.usage))
    same(TimingsOut, timings_out(score_set, 12.345))


@pytest.mark.parametrize("bank", [None, BankRef("helpsteer2", "d1")])
def test_a_rendered_scorer_has_all_members_of_its_model(bank):
    same(ScorerOut, scorer_out(Scorer(ScorerSettings(), MODEL, bank), "f"))


def test_a_rendered_selection_has_all_members_of_its_model():
    scores = np.array([[0.0, 0.5], [1.0, 0.5]])
    target = target_matrix([{"helpfulness": 0.75, "verbosity": 0.5}])
    selection = rank(distances(scores, target)[0])
    for chosen in (
        Chosen(selection),
        Chosen(selection, abstention=Abstention("min-probability", 0.9, None)),
        Chosen(
            selection,
            probabilities=np.array([0.25, 0.75]),
            abstention=Abstention("min-margin", 0.9, 0.5),
            explanation=explain(scores, target),
            reasonings={"helpfulness": ["Because.", None]},
            ignored=("care",),
            calibrated=CALIBRATED,
        ),
    ):
        same(SelectionOut, selection_out(chosen, ("b", "a")))
    same(SelectionOut, preferred_out(REWARD, PRESENTATION))
