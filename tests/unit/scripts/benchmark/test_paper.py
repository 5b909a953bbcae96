"""The paper's figures."""

from scripts.benchmark.measures import paper
from scripts.benchmark.records.results import Run


def run(method: str, examples: int, samples: int, dataset: str = "helpsteer2") -> Run:
    chosen = {"examples": examples, "samples": samples}
    return Run(method, chosen, {}, (), (), None, 0, (), "", {}, "", dataset)


def test_figures_of_the_paper_are_matched_by_conditions():
    greedy = paper.matching_accuracies(run("comparative", 5, 1), "all")
    assert [(f.model, f.percent, f.deviation) for f in greedy] == [
        ("Llama-3.2-3B", 55.2, 4.6),
        ("Mistral-7B", 56.0, 5.0),
    ]
    zero_shot = paper.matching_accuracies(run("prompt_aligned", 0, 1, "mic"), "sampled")
    assert [(f.percent, f.source) for f in zero_shot] == [(50.1, "Table 2"), (54.1, "Table 2")]
    sampled = paper.matching_accuracies(run("prompt_aligned", 0, 5), "sampled")
    assert [(f.percent, f.source) for f in sampled] == [(52.0, "Table 3"), (57.2, "Table 3")]
    assert paper.matching_accuracies(run("comparative", 0, 1), "sampled") == ()
    assert paper.matching_accuracies(run("comparative", 5, 1, "triage"), "all") == ()


def test_seconds_of_the_paper_are_those_of_the_same_method():
    found = paper.matching_seconds(run("comparative", 5, 1))
    assert [f.seconds for f in found] == [137.9, 138.2]
    assert paper.matching_seconds(run("comparative", 0, 1)) == ()
