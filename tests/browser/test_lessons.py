"""What a learner does in every lesson, in a browser: run it, move its widgets, fail, read, take a hint, succeed."""

import pytest
from answers import attempt
from looks import broken_words, faint_text, overflow, raw_markdown
from room import PATIENCE, VIEW

STILL = "Interactive figure at "  # what explore leaves for a page without a kernel; a progress bar does not
TYPED = {"13": "bird", "15": "red star", "17": "two"}  # what goes into a lesson's text box
CONTROLS = ".noUi-handle, select, input[type=checkbox], input[type=text]"
KIND = "me => me.classList.contains('noUi-handle') ? 'slider' : me.tagName === 'SELECT' ? 'list' : me.type"
VALUE = "me => String(me.type === 'checkbox' ? me.checked : me.getAttribute('aria-valuetext') ?? me.value)"
AT_END = "me => me.options ? me.selectedIndex === me.length - 1 : me.ariaValueNow === me.ariaValueMax"
IDLE = {"12": {1}, "14": {1, 2}, "19": {2}}  # by place; what they change, the models of smoke are too young for
OTHER = "me => me.list && [...me.list.options].map(one => one.value).find(one => one !== me.value)"
FOCUSED = "me => me === document.activeElement"


@pytest.fixture
def taught(lesson):
    """Give a lesson with widgets and exercises; own_data has neither."""
    if not lesson.number.isdigit():
        pytest.skip("has neither widgets nor exercises")
    return lesson


def outputs(lesson):
    """List (cell, output) of a lesson."""
    return [(k, output) for k, cell in enumerate(lesson.state()) if cell for output in cell["outputs"]]


def test_every_cell_ran_without_an_error(lesson):
    ran = [cell["count"] for cell in lesson.state() if cell]
    assert ran == list(range(1, len(ran) + 1))
    bad = [o for _, o in outputs(lesson) if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert bad == []


def test_widgets_follow_the_keyboard(taught):
    lesson = taught
    places = [k for k, output in outputs(lesson) if STILL in str(output.get("data", {}).get("text/plain"))]
    assert places, "a lesson has a widget"
    for place in places:
        lesson.picture(f"3-widget-{place}-light", place)
        controls = lesson.cell(place).locator(".jp-OutputArea-output .widget-vbox").locator(CONTROLS)
        changed = {number: move(lesson, place, controls.nth(number)) for number in range(controls.count())}
        lesson.picture(f"3-widget-{place}-moved", place)
        print(lesson.stem, "cell", place, "controls that changed the picture:", changed)
        dead = {number for number, moved in changed.items() if not moved} - IDLE.get(lesson.number, set())
        assert not dead, f"cell {place}: the picture did not change for controls {dead}"


def move(lesson, place, control):
    """Reach a control by Tab, move it by keys, and tell whether the picture under the controls changed."""
    reach(lesson, place, control)
    view = lesson.cell(place).locator(".jp-OutputArea-output .widget-vbox > *").last
    before, value = view.evaluate("me => me.outerHTML"), control.evaluate(VALUE)
    press(lesson, control)
    assert control.evaluate(VALUE) != value, f"cell {place}: the keys did not move the control at {value}"
    assert control.evaluate(FOCUSED), f"cell {place}: the keys left the control"
    settle(lesson)
    refused = lesson.cell(place).get_by_text("No picture for these values")
    assert not refused.is_visible(), refused.inner_text()
    return view.evaluate("me => me.outerHTML") != before


def reach(lesson, place, control):
    """Press Tab, from the selected cell on, until a control has the focus."""
    lesson.go_to(place)
    for _ in range(100):
        lesson.page.keyboard.press("Tab")
        if control.evaluate(FOCUSED):
            return
    pytest.fail(f"cell {place}: Tab does not reach a control")


def press(lesson, control):
    """Give a control another value by the keys that move its kind."""
    key, kind = lesson.page.keyboard.press, control.evaluate(KIND)
    if kind == "slider":
        key("ArrowLeft" if control.evaluate(AT_END) else "ArrowRight")
    elif kind == "list":  # the arrows alone would go to the next cell
        way = "ArrowUp" if control.evaluate(AT_END) else "ArrowDown"
        key("Space")
        lesson.page.wait_for_function("me => me.matches(':open')", arg=control.element_handle())
        key(way)
        key("Enter")
        lesson.page.wait_for_function("me => !me.matches(':open')", arg=control.element_handle())
    elif kind == "checkbox":
        key("Space")
    else:
        key("Control+a")
        lesson.page.keyboard.insert_text(control.evaluate(OTHER) or TYPED[lesson.number])
        key("Enter")


def settle(lesson):
    """Wait until the kernel has answered everything asked so far and the page shows it."""
    lesson.page.evaluate(
        "() => { window.over = false; window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".requestExecute({code: '', silent: true}).done.finally(() => setTimeout(() => { window.over = true }, 300)) }"
    )
    lesson.page.wait_for_function("() => window.over", timeout=PATIENCE)


def test_an_exercise_from_wrong_to_right(taught):
    lesson = taught
    one = attempt(lesson.stem, lesson.cells)
    assert f"Exercise {one.exercise}: not attempted yet" in lesson.run(one.index + 1)
    lesson.write(one.index, one.wrong)
    lesson.run(one.index)
    said = lesson.run(one.index + 1)
    assert f"Exercise {one.exercise}: not yet: " in said
    assert one.message in said
    assert one.message in lesson.cell(one.index + 1).locator(".jp-OutputArea-output").inner_text().replace("\n", " ")
    lesson.picture("4-exercise-wrong-light", one.index)
    hint = lesson.cell(one.index - 1).locator("details").first
    assert not hint.evaluate("me => me.open")
    hint.locator("summary").click()
    assert hint.evaluate(
        "me => me.open && me.checkVisibility() && me.innerText.length > me.firstChild.innerText.length"
    )
    lesson.picture("4-exercise-hint-light", one.index - 1)
    lesson.write(one.index, one.right)
    lesson.run(one.index)
    assert lesson.run(one.index + 1).strip() == f"Exercise {one.exercise}: correct"
    assert f'"{one.exercise}"' in lesson.lab.progress.read_text()


def none(found):
    """Fail with all that was found, printed."""
    print("", *found, sep="\n")
    assert not found


def test_nothing_is_cut_off(lesson):
    none(overflow(lesson))


def test_no_word_is_broken(lesson):
    none(broken_words(lesson))


def test_no_mark_of_markdown_is_shown(lesson):
    none(raw_markdown(lesson))


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_every_text_stands_out(lesson, theme):
    lesson.theme(theme)
    pictures(lesson, theme.lower())
    faint = faint_text(lesson)
    lesson.theme("Light")
    none(faint)


def pictures(lesson, theme):
    """Take a picture of the head, every figure, widget and table, and a check's message, for people to look at."""
    lesson.picture(f"1-header-{theme}", 0)
    for place, output in outputs(lesson):
        data = output.get("data", {})
        if VIEW in data or "image/png" in data or "text/html" in data:
            lesson.picture(f"2-output-{place:03d}-{theme}", place)
    if lesson.number.isdigit():
        lesson.picture(f"4-exercise-{theme}", attempt(lesson.stem, lesson.cells).index)


def test_no_other_host_was_asked(lesson, new_page):
    assert new_page.asked() == set()
