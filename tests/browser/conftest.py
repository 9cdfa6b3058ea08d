"""Chromium and one JupyterLab for all tests; every lesson is opened and run once: `course.py test --browser`."""

import importlib.util
import shutil
from urllib.parse import urlsplit

import pytest
from room import LESSONS, PICTURES, Lab, Lesson

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync"
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium():
    """Start a Chromium of the machine's own; without one there is nothing to test."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None or importlib.util.find_spec("playwright") is None:
        pytest.skip("needs Chromium (apt install chromium) and the extra 'browser' (pip install -e .[browser])")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory, chromium):
    """Start JupyterLab as the README says."""
    room = Lab(tmp_path_factory.mktemp("room"))
    try:
        room.start()
        yield room
    finally:
        room.close()


@pytest.fixture(scope="session")
def new_page(chromium):
    """Return a function that opens a page of 1280 by 800; its `asked()` tells which other hosts any page asked."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    asked = set()

    def watched():
        page = context.new_page()
        page.on("websocket", lambda socket: asked.add(socket.url))
        page.on("dialog", lambda dialog: dialog.accept())
        return page

    context.on("request", lambda request: asked.add(request.url))
    watched.asked = lambda: {host(url) for url in asked} - {"127.0.0.1", None}
    yield watched
    context.close()


def host(url):
    """Return the host that an address names; None for what is inside the page (data:, blob:)."""
    return urlsplit(url).hostname


@pytest.fixture(scope="module", params=LESSONS)
def lesson(request, lab, new_page):
    """Open a lesson and run all its cells under the profile smoke."""
    lesson = Lesson(lab, new_page(), request.param)
    shutil.rmtree(PICTURES / lesson.stem, ignore_errors=True)  # those of an older lesson have other numbers
    lesson.open()
    lesson.picture("1-header-light", 0)
    lesson.command("notebook:run-all-cells")
    yield lesson
    lesson.close()
