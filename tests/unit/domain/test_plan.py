"""Plans: canonical scenarios, fingerprints and cache keys."""

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.cells import Usage
from app.domain.fingerprint import (
    attribute_field,
    canonical_json,
    score_set_digest,
    scorer_fingerprint,
)
from app.domain.plan import canonical_scenario, plan_scores
from app.domain.scenario import Attribute, Candidate, Scenario
from app.domain.score_set import split_score_set_id
from app.domain.scorer import BankRef, ExampleGroup, ModelIdentity, Scorer, ScorerSettings
from app.domain.texts import as_read
from app.errors import InvalidRequest

MODEL = ModelIdentity(
    name="judge",
    revision="r1",
    engine="vllm",
    context_length=8192,
    embedder="minilm:1",
    profiles={
        "comparative": "comparative/1:abc",
        "comparative+digits": "labels/1:abc",
        "comparative+joint": "joint/1:abc",
        "comparative+item-first": "item-first/1:abc",
        "other": "other/1:abc",
    },
)
SCORER = Scorer(settings=ScorerSettings(), model=MODEL, bank=BankRef("bank", "d1"))
HELP = Attribute("helpfulness", "How useful it is.")
CARE = Attribute("care", "How kind it is.")


def digest_of(scenario: Scenario, scorer: Scorer) -> str:
    return score_set_digest(scenario, scorer_fingerprint(scorer))


def candidates(*texts: str) -> list[Candidate]:
    return [Candidate(f"id{i}", text) for i, text in enumerate(texts)]


def test_the_order_of_candidates_does_not_change_the_scenario():
    one, _ = canonical_scenario("q", candidates("a", "b", "c"))
    other, _ = canonical_scenario("q", candidates("c", "a", "b"))
    assert one == other


def test_a_repeated_candidate_does_not_change_the_scenario_and_keeps_its_own_id():
    scenario, presentation = canonical_scenario("q", candidates("a", "b", "a"))
    assert sorted(scenario.candidates) == ["a", "b"]
    assert presentation.ids == ("id0", "id1", "id2")
    assert presentation.positions[0] == presentation.positions[2]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8))
def test_positions_map_every_candidate_to_its_text(texts):
    scenario, presentation = canonical_scenario("q", candidates(*texts))
    assert [scenario.candidates[p] for p in presentation.positions] == list(map(as_read, texts))


@pytest.mark.parametrize(
    "other", ["Bonne ide\u0301e.", "Bonne id\u00e9e. ", "Bonne id\u00e9e.\r\n"]
)
def test_candidates_that_look_the_same_are_one_text_under_one_key(other):
    composed, _ = canonical_scenario("O\u00f9 ?", candidates("Bonne id\u00e9e.", "Non."))
    scenario, presentation = canonical_scenario("Ou\u0300 ? ", candidates(other, "Non."))
    assert scenario == composed
    assert digest_of(scenario, SCORER) == digest_of(composed, SCORER)
    both, presentation = canonical_scenario("q", candidates("Bonne id\u00e9e.", other, "Non."))
    assert len(both.candidates) == 2
    assert presentation.positions[0] == presentation.positions[1]


def test_the_white_space_that_a_text_begins_with_is_kept():
    """It may be the indentation of code."""
    scenario, _ = canonical_scenario("q", candidates("    return x", "return x"))
    assert len(scenario.candidates) == 2


def test_canonical_order_is_not_alphabetical():
    """Alphabetical order would give some openings a fixed position in the prompt."""
    texts = [f"response {i:02}" for i in range(20)]
    scenario, _ = canonical_scenario("q", candidates(*texts))
    assert list(scenario.candidates) != texts
    assert sorted(scenario.candidates) == texts


@dataclass
class Change:
    name: str
    scorer: Scorer


def replaced(**changes) -> Scorer:
    return msgspec.structs.replace(SCORER, **changes)


def model(**changes) -> Scorer:
    return replaced(model=msgspec.structs.replace(MODEL, **changes))


def settings(**changes) -> Scorer:
    return replaced(settings=msgspec.structs.replace(SCORER.settings, **changes))


@pytest.mark.parametrize(
    "change",
    [
        Change("model", model(name="other")),
        Change("revision", model(revision="r2")),
        Change("engine", model(engine="outlines")),
        Change("context length: other examples fit", model(context_length=4096)),
        Change("embedder: other examples are near", model(embedder="other")),
        Change("data type", model(settings="dtype=float32")),
        Change("prompts", model(profiles={"comparative": "comparative/2:def"})),
        Change("bank content", replaced(bank=BankRef("bank", "d2"))),
        Change("search of examples", replaced(bank=BankRef("bank", "d1", "ivf/1"))),
        Change("no bank", replaced(bank=None)),
        Change("examples", settings(examples=3)),
        Change("samples", settings(samples=5)),
        Change("orders", settings(orders=2)),
        Change("reasoning", settings(reasoning=False)),
        Change("length of reasoning", settings(reasoning_chars=100)),
        Change("temperature", settings(temperature=0.5)),
        Change("seed", settings(seed=1)),
        Change("attributes asked together", settings(joint=(CARE, HELP))),
        Change("retrieval", settings(retrieval="fixed")),
        Change("group", settings(group=ExampleGroup("north", "group/1"))),
        Change("group's weights", settings(group=ExampleGroup("north", "group/1", (0, -1, 0)))),
        Change("order of the prompt", settings(prompt_order="item_first")),
    ],
    ids=lambda c: c.name,
)
def test_the_fingerprint_covers_everything_that_affects_a_score(change):
    assert scorer_fingerprint(change.scorer) != scorer_fingerprint(SCORER)


@pytest.mark.parametrize(
    ("scorer", "fingerprint"),
    [
        (SCORER, "5634836bbc472a17a2a1b1f9844b5dd9"),
        (settings(reasoning=False, reasoning_chars=0), "833c6273a23e87a14a75554052021bd1"),
        (
            settings(samples=5, orders=2, temperature=0.7, seed=3),
            "537a763f35c0105623898d60cb3ad5d6",
        ),
    ],
)
def test_fingerprints_are_stable_across_versions(scorer, fingerprint):
    """Cached scores must stay valid after an upgrade."""
    assert scorer_fingerprint(scorer) == fingerprint


def test_a_joint_scorer_s_fingerprint_covers_every_definition():
    edited = msgspec.structs.replace(CARE, definition="Something else.")
    scorers = [settings(joint=one) for one in ((CARE, HELP), (edited, HELP), (CARE,), ())]
    assert len({scorer_fingerprint(scorer) for scorer in scorers}) == 4
    assert scorers[0].prompt_profile == "joint/1:abc"
    assert scorers[-1].prompt_profile == "comparative/1:abc"


def test_a_joint_scorer_is_unchanged_by_a_json_round_trip():
    joint = settings(joint=(CARE, HELP))
    assert msgspec.json.decode(msgspec.json.encode(joint), type=Scorer) == joint
    old = msgspec.to_builtins(SCORER)
    for name in ("joint", "retrieval", "prompt_order", "group"):  # as stored before there was any
        del old["settings"][name]
    assert msgspec.convert(old, Scorer) == SCORER


@given(st.integers(0, 999), st.integers(0, 999), st.integers(0, 999), st.integers(1, 50))
def test_split_usage_adds_up_to_the_whole(prompt, cached, output, count):
    usage = Usage(prompt + cached, cached, output)
    shares = usage.split(count)
    assert len(shares) == count
    assert sum(shares, Usage()) == usage
    assert all(share.cached_prompt_tokens <= share.prompt_tokens for share in shares)
    assert shares == sorted(shares, key=lambda share: -share.output_tokens)
    assert shares[0].output_tokens - shares[-1].output_tokens <= 1


@pytest.mark.parametrize(
    "change",
    [
        Change("the bank's name", replaced(bank=BankRef("another name", "d1"))),
        Change(
            "prompts of another method",
            model(profiles={"comparative": "comparative/1:abc", "other": "other/2:xyz"}),
        ),
    ],
    ids=lambda c: c.name,
)
def test_the_fingerprint_ignores_settings_without_effect_on_scores(change):
    assert scorer_fingerprint(change.scorer) == scorer_fingerprint(SCORER)


@pytest.mark.parametrize(
    "other",
    [
        Scenario("another question", ("a", "b")),
        Scenario("q", ("a", "c")),
        Scenario("q", ("c", "b")),
        Scenario("q", ("a", "b", "c")),
    ],
    ids=repr,
)
def test_the_score_set_digest_covers_question_and_texts(other):
    one = digest_of(Scenario("q", ("a", "b")), SCORER)
    assert digest_of(other, SCORER) != one
    assert digest_of(Scenario("q", ("a", "b")), settings(seed=1)) != one


@pytest.mark.parametrize(
    "change",
    [
        {"name": "warmth"},
        {"definition": "How kind the deed is."},
        {"low": "cruel"},
        {"high": "kind"},
        {"levels": (0.0, 0.5, 1.0)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_cell_field_covers_the_whole_definition(change):
    fields = {attribute_field(CARE), attribute_field(msgspec.structs.replace(CARE, **change))}
    assert len(fields) == 2


def test_cache_keys_are_stable_across_versions():
    """Stored score sets must be found after an upgrade."""
    scenario = Scenario("q", ("a", "b"))
    assert digest_of(scenario, SCORER) == "772198c4eea532f35c3f75b207e88858"
    assert attribute_field(CARE) == "care@cb7634cdbd3e"
    listed = plan_scores("q", candidates("b", "a"), [CARE], SCORER).score_set.id
    assert listed == "e314386c6f09ee24591cbe52153fcb46.2ea511af"


def test_separators_cannot_be_forged():
    one = Scenario(question='q","candidates":["x', candidates=("y",))
    other = Scenario(question="q", candidates=("x", "y"))
    assert digest_of(one, SCORER) != digest_of(other, SCORER)


def test_integral_floats_and_integers_have_the_same_digest():
    assert canonical_json({"a": 1.0, "b": [0.0]}) == canonical_json({"b": [0], "a": 1})


def test_an_edited_definition_has_another_cell_field():
    edited = Attribute("helpfulness", "How useful it is to an expert.")
    assert attribute_field(edited) != attribute_field(HELP)
    assert attribute_field(edited).startswith("helpfulness@")


def test_score_set_ids_depend_on_the_presentation_of_candidates():
    one = plan_scores("q", candidates("a", "b"), [HELP], SCORER)
    other = plan_scores("q", candidates("b", "a"), [HELP], SCORER)
    assert one.score_set.digest == other.score_set.digest
    assert split_score_set_id(one.score_set.id) == (one.score_set.digest, one.score_set.view)
    swapped = plan_scores("q", [Candidate("x", "a"), Candidate("y", "b")], [HELP], SCORER)
    assert swapped.score_set.id != one.score_set.id


def test_repeated_candidate_ids_are_rejected_with_pointers():
    twice = [Candidate("a", "x"), Candidate("b", "y"), Candidate("a", "z")]
    with pytest.raises(InvalidRequest) as caught:
        plan_scores("q", twice, [HELP], SCORER)
    assert [f.pointer for f in caught.value.fields] == ["#/responses/0", "#/responses/2"]


def test_repeated_attributes_are_rejected():
    with pytest.raises(InvalidRequest):
        plan_scores("q", candidates("a"), [HELP, HELP], SCORER)
