"""The link below an exercise shows the same exercise in the solved notebook."""

import shutil

from room import LESSONS, NOTEBOOKS, PATIENCE, READY, Lesson

STEM = LESSONS[1]
SEEN = """number => { const shown = window.jupyterapp.shell.currentWidget;
  const heading = [...shown.node.querySelectorAll('h3')].find(h => h.textContent.includes(number));
  const place = heading?.getBoundingClientRect();
  return shown.context.path.includes('/solutions/') && place?.top > 0 && place.bottom < window.innerHeight }"""


def test_the_link_below_an_exercise_shows_its_solution(lab, new_page):
    (lab.folder / "solutions").mkdir(exist_ok=True)
    shutil.copy(NOTEBOOKS / "solutions" / f"{STEM}.ipynb", lab.folder / "solutions")
    lesson = Lesson(lab, new_page(), STEM)
    lesson.open()
    link = "One solution, after you tried"
    index, cell = [(i, c) for i, c in enumerate(lesson.cells) if link in c.source][-1]
    number = cell.source.split("### ")[1].split(" ●")[0]
    lesson.go_to(index).get_by_role("link", name=link).click()
    lesson.page.wait_for_function(READY, timeout=PATIENCE)
    lesson.page.wait_for_function(SEEN, arg=number, timeout=60_000)
    lesson.close()
