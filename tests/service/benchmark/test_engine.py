"""The comparison of engines over a real service, with the fake engine in its worker."""

from scripts.benchmark.engine import measuring
from scripts.benchmark.engine.measuring import DEFAULT, EngineOptions, compare
from scripts.benchmark.engine.work import Measured, read_work
from tests.service.benchmark.runs import write_scenarios

TWO = ("helpfulness", "verbosity")
FAKE = {"AZIMUTH_ENGINE": "fake", "AZIMUTH_EMBEDDER": "hashing"}


def test_every_way_gets_the_prompts_of_the_service(tmp_path, monkeypatch):
    path = write_scenarios(tmp_path / "eval.jsonl", 4, TWO)
    train = write_scenarios(tmp_path / "train.jsonl", 9, TWO)
    given = {}

    def run_alone(module, file, settings):
        given.setdefault(module.rpartition(".")[2], []).append(read_work(file))
        return Measured(2.0, 8, 100, 0, 10, cpu_s=4.0)

    monkeypatch.setattr(measuring, "run_alone", run_alone)
    compared = compare(
        EngineOptions(
            scenarios=path,
            train=train,
            bank_chars=2000,
            count=3,
            alone=2,
            attributes=TWO,
            rounds=1,
            orders=("item first, fixed",),
            settings=FAKE,
        )
    )
    assert list(compared.service) == [DEFAULT, "item first, fixed"]
    (first,) = compared.service[DEFAULT].rounds
    assert compared.overheads() == [(first.seconds / 2.0, first.cpu_s / 4.0)]
    for way in compared.service.values():
        for one in way.rounds:
            assert one.prompts == 6  # three scenarios on two attributes
            assert one.prompt_tokens > one.output_tokens > 0
            assert one.memory_mb > 50
            assert one.cpu_s >= 0
    (listed,) = given["listed"]
    assert len(listed) == 6
    assert all("Rate the" in one.text for one in listed)
    (alone,) = given["alone"]
    assert len(alone) == 4  # two of the scenarios
    asked = [(one.text, one.schema, one.max_tokens) for one in listed]
    assert all((one.text, one.schema, one.max_tokens) in asked for one in alone)
