"""Scenarios that a bank holds more than once."""

from app.domain.bank import LabelledScenario
from app.domain.bank_repeats import Repeats, repeated_rows, repeats_in, rows_by_question


def scenario(name, labels, question="q", responses=("a", "b")):
    return LabelledScenario(name, question, responses, labels)


SAME = ({"warmth": 1}, {"warmth": 0})
OTHER = ({"warmth": 0}, {"warmth": 0})


def repeated(*bank):
    return sorted(repeated_rows(bank, rows_by_question(bank).values()))


def test_equal_texts_are_duplicates_or_contradict_each_other():
    bank = [
        scenario("0", SAME),
        scenario("1", SAME, " Q\r\n", ("A ", "b")),
        scenario("2", SAME, "other"),
        scenario("3", OTHER, "other"),
        scenario("4", SAME, "alone"),
        scenario("5", SAME, "alone", ("a", "c")),
    ]
    assert repeats_in(bank) == Repeats((("0", "1"),), (("2", "3"),))


def test_the_order_of_responses_does_not_matter():
    turned = scenario("1", SAME[::-1], responses=("b", "a"))
    assert repeats_in([scenario("0", SAME), turned]) == Repeats((("0", "1"),), ())


def test_other_attributes_do_not_contradict_and_both_rows_are_kept():
    bank = [scenario("0", SAME), scenario("1", ({"depth": 1}, {"depth": 0}))]
    assert repeats_in(bank) == Repeats((("0", "1"),), ())
    assert repeated(*bank) == []


def test_the_row_with_the_commonest_labels_or_most_attributes_is_kept():
    assert repeated(scenario("0", OTHER), scenario("1", SAME), scenario("2", SAME)) == [0, 2]
    more = ({"warmth": 1, "depth": 1}, {"warmth": 0})
    assert repeated(scenario("0", SAME), scenario("1", SAME), scenario("2", more)) == [0, 1]
