"""What a stream sends of a text, whatever happens to its parts."""

from app.writing.progress import News, TextProgress


def test_parts_and_the_rest_add_up():
    progress = TextProgress()
    assert progress.take("a", 0, "One ") == News(False, "One ")
    assert progress.take("a", 4, "two ") == News(False, "two ")
    assert progress.finish("One two three") == News(False, "three")


def test_what_follows_a_lost_part_comes_at_the_end():
    progress = TextProgress()
    progress.take("a", 0, "One ")
    assert progress.take("a", 8, "three") == News(False, "")
    assert progress.finish("One two three") == News(False, "two three")


def test_a_text_begun_anew_restarts_once_and_the_first_writing_is_passed_over():
    progress = TextProgress()
    progress.take("a", 0, "One ")
    assert progress.take("b", 0, "Uno ") == News(True, "Uno ")
    assert progress.take("a", 4, "two ") == News(False, "")
    assert progress.finish("Uno due") == News(False, "due")


def test_an_end_that_differs_from_what_was_sent_restarts():
    progress = TextProgress()
    progress.take("a", 0, "One ")
    assert progress.finish("Uno") == News(True, "Uno")
