"""The comparison of engines: what is measured, and the table."""

import json

import msgspec
import pytest

from scripts.benchmark.engine.alone import REASONING_CHARS, as_the_paper
from scripts.benchmark.engine.asking import asking_table
from scripts.benchmark.engine.measuring import DEFAULT, ORDERS, Comparison, Way
from scripts.benchmark.engine.running import run_alone
from scripts.benchmark.engine.table import table
from scripts.benchmark.engine.work import Measured, Work, about, read_work, write_work

WORK = [
    Work((1, 2, 3), "Question: why? A: because. B: so.", {"type": "object"}, 9),
    Work((4, 5), "Question: who? A: me. B: you.", {"type": "object"}, 9),
]


def took(seconds: float, **more: float) -> Measured:
    cached = int(more.pop("cached", 2_400))
    return Measured(seconds, 24, 12_000, cached, 1_200, cpu_s=2 * seconds, **more)


def compared(**alone) -> Comparison:
    service = {order: Way(order, 12, (took(30.0, cached=9_600),)) for order in ORDERS}
    service[DEFAULT] = Way(DEFAULT, 12, (took(66.0), took(60.0)))
    listed = Way("LLM.generate", 12, (took(60.0), took(60.0)))
    paper = Way("alone", 2, (took(120.0, cached=0, setup_s=7.0),))
    return Comparison(service, listed, alone.get("alone", paper))


def test_the_overhead_is_that_of_each_round():
    assert compared().overheads() == [(1.1, 1.1), (1.0, 1.0)]


def test_the_table_has_tokens_of_a_scenario_and_speed_against_the_paper_s_way():
    lines = table(compared()).split("\n")
    rows = {cells[1].strip(): [c.strip() for c in cells[2:-1]] for cells in
            (line.split("|") for line in lines if line.startswith("|"))}  # fmt: skip
    default = rows["Azimuth, attribute first, similar (default)"]
    # The median of two rounds: 12 scenarios in 63 s, against one a minute.
    assert default == ["12", "11.45", "1,000", "800", "100", "10.0", "0.0", "11.5"]
    assert rows["Azimuth, item first, fixed"][2:4] == ["1,000", "200"]
    assert rows["the paper's way: transformers with Outlines, one by one"][-1] == "1.0"
    ratios = "time 1.10, 1.00; processor time 1.10, 1.00"
    assert f"Service over `LLM.generate`, in turns: {ratios}." in lines
    assert "Compiling the paper's schema, not counted: 7.0 s." in lines


def test_the_paper_s_way_can_be_left_out():
    text = table(compared(alone=None))
    assert "paper's way: transformers" not in text
    assert "Compiling" not in text


def test_prompts_are_read_back_from_json_and_from_json_lines(tmp_path):
    path = tmp_path / "work"
    write_work(path, WORK)
    assert read_work(path) == WORK
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in WORK))
    assert read_work(path) == WORK
    assert about(WORK, "who?", ("you", "me")) == WORK[1:]


def test_the_paper_s_schema_differs_in_the_length_of_reasonings_alone():
    member = {
        "type": "object",
        "properties": {
            "reasoning": {"type": "string", "minLength": 1, "maxLength": 240},
            "score": {"type": "integer", "minimum": 0, "maximum": 100},
        },
    }
    schema = {"type": "object", "properties": {"A": member, "B": member}}
    longer = json.loads(json.dumps(schema).replace("240", str(REASONING_CHARS)))
    assert as_the_paper(schema) == longer


def test_a_process_that_fails_is_an_error_with_its_last_lines(tmp_path):
    with pytest.raises(RuntimeError, match="No module named"):
        run_alone("scripts.no_such_module", tmp_path / "work", {})


def test_ways_of_asking_are_compared_with_hidden_states():
    measured = {"digits, one order": took(30.0), "hidden states": took(6.0, cached=0)}
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in asking_table(measured, 12).splitlines()[2:]
    ]
    assert rows[0] == ["digits, one order", "1,000", "800", "100", "5.00", "5.0"]
    assert rows[1] == ["hidden states", "1,000", "1,000", "100", "1.00", "1.0"]
