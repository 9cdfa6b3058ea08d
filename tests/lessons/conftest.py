"""A small lesson in good form, which the tests damage one rule at a time."""

from pathlib import Path

import pytest

from tools import lesson as lessons

SAMPLE = Path(__file__).with_name("sample_lesson.txt").read_text(encoding="utf-8")
EXERCISE = SAMPLE[SAMPLE.index("# %% [markdown]\n# ### Exercise 1.1") : SAMPLE.index("# %% [markdown]\n# ## What can")]


def well_formed():
    """Return the sample with four exercises."""
    more = [
        EXERCISE.replace("1.1", f"1.{n}").replace("ex1_1", f"ex1_{n}").replace("average", f"average{n}")
        for n in (2, 3, 4)
    ]
    more = [
        text.replace("return sum(numbers) / len(numbers)", f"return {n} * sum(numbers)") for n, text in enumerate(more)
    ]
    return SAMPLE.replace(EXERCISE, EXERCISE + "".join(more))


@pytest.fixture
def write(tmp_path):
    """Write a lesson source into a notebooks folder of its own and read it back."""

    def write(text):
        path = tmp_path / "notebooks" / "lessons" / "01_sample.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return lessons.read(path)

    return write


@pytest.fixture
def sample():
    """Return the text of the sample lesson."""
    return well_formed()
