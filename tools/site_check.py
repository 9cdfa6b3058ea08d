"""Checks of the built site: every link leads somewhere, and a browser asks no other host for anything."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Attributes whose address a browser fetches by itself; `a href` and `form action` wait for a click.
FETCHED = {
    ("link", "href"),
    *((tag, "src") for tag in "script img audio video source iframe embed input track".split()),
}
FETCHED |= {
    ("object", "data"),
    ("video", "poster"),
    ("image", "href"),
    ("use", "href"),
    ("img", "srcset"),
    ("source", "srcset"),
}
HOST = re.compile(r"^\s*(?:https?:)?//", re.I)
IN_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?\s*((?:https?:)?//[^"')\s]+)""", re.I)
IN_SCRIPT = re.compile(r"""(?:\bimport\s*\(?|\bfrom|\bfetch\(|\.src\s*=|\.href\s*=\s*)\s*["'`](https?://[^"'`]+)""")


class Page(HTMLParser):
    """What one page names (`ids`), links to (`links`) and lets a browser fetch (`fetched`)."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.fetched, self.inside = set(), [], [], ""
        self.outside = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.ids.add(value)
            elif (tag, name) in FETCHED and value:
                self.fetched.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.append(value)
            elif name == "style" and value:
                self.outside += IN_CSS.findall(value)

    def handle_data(self, data):
        if self.inside == "style":
            self.outside += IN_CSS.findall(data)
        elif self.inside == "script":
            self.outside += IN_SCRIPT.findall(data)

    def handle_endtag(self, tag):
        self.inside = ""


def _faults(path, page, pages, root):
    """Return what is wrong with the links of one page."""
    for address in [*page.fetched, *page.links]:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
        if root not in (target, *target.parents) or not target.is_file():
            yield f"links to {address}, which is not there"
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
            yield f"links to {address}, but that page has no such place"
    for address in [*filter(HOST.match, page.fetched), *page.outside]:
        yield f"lets the browser ask another host: {address[:100]}"


def faults(folder):
    """Return one sentence for each fault of the pages, style sheets and scripts in a folder."""
    root = Path(folder).resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.html"))}
    found = [] if root / "index.html" in pages else ["index.html is missing"]
    for path, page in pages.items():
        if path.relative_to(root).parts[0] != "_static":
            found += [f"{path.relative_to(root)} {fault}" for fault in dict.fromkeys(_faults(path, page, pages, root))]
    for pattern, names in ((IN_CSS, "*.css"), (IN_SCRIPT, "*.js")):
        for path in sorted(root.rglob(names)):
            outside = pattern.findall(path.read_text(encoding="utf-8", errors="replace"))
            found += [
                f"{path.relative_to(root)} asks another host: {address[:100]}" for address in dict.fromkeys(outside)
            ]
    return found
