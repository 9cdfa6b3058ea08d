"""The glossary of the site: its terms, where lessons use them, and the links from one to the other."""

import re
import tomllib
from dataclasses import dataclass

from tools import lesson as lessons
from tools.lesson import ROOT, tags

GLOSSARY = ROOT / "site" / "glossary.toml"
# What is not prose: code, formulas, links and pictures, headings, addresses; HTML.
NOT_PROSE = r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]+\$|!?\[[^\]]*\]\([^)]*\)|^#+ [^\n]*$|https?://\S+|<!--.*?-->"
FOLDED = "<details>.*?</details>"
TERSE = "<details><summary>Hint: pseudocode.*?</details>|<summary>.*?</summary>"


@dataclass(frozen=True)
class Term:
    """One entry: its name, the number of the lesson that explains it, other names, forms that are only looked for.

    The forms of `here`, and all of a `local` term, have an everyday meaning too: they count in its lesson only.
    """

    name: str
    lesson: str
    text: str
    also: tuple = ()
    forms: tuple = ()
    here: tuple = ()
    local: bool = False


def read(path=GLOSSARY):
    """Return the terms of the glossary, in the file's order."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["term"]
    return [Term(**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}) for entry in entries]


def _pattern(form):
    """Match a form, its plural, any line break or hyphen in it; capitals only matter where the form has some."""
    words = r"[\s-]+".join(map(re.escape, re.split(r"[\s-]+", form)))
    stem = words[:-1] + "(?:y|ies)" if re.search(r"[^aeiou]y$", form) else words + "(?:s|es)?"
    return stem if any(map(str.isupper, form)) else f"(?i:{stem})"


class Linker:
    """Finds terms in the prose of one lesson after the other: the first occurrence of each, longest names first."""

    def __init__(self, terms):
        self.forms = [(form, term, not term.local) for term in terms for form in (term.name, *term.also, *term.forms)]
        self.forms += [(form, term, False) for term in terms for form in term.here]
        self.forms.sort(key=lambda form: -len(form[0]))
        initials = {}  # tried by first letter, for speed
        for i, (form, _, _) in enumerate(self.forms):
            initials.setdefault(form[0].lower(), []).append(f"(?P<t{i}>{_pattern(form)})")
        found = "|".join(f"(?=[{a}{a.upper()}])(?:{'|'.join(forms)})" for a, forms in initials.items())
        self.patterns = [
            re.compile(rf"(?P<skip>{skipped})|(?<![\w-])(?:{found})(?![\w-])", re.S | re.M)
            for skipped in (f"{NOT_PROSE}|{FOLDED}|<[^<>]+>", f"{NOT_PROSE}|{TERSE}|<[^<>]+>")
        ]

    def link(self, texts, number):
        """Return the Markdown texts of lesson `number` with links to its terms, and the names of these.

        Folded text is only linked to terms that stand nowhere else.
        """
        seen = set()

        def replace(match):
            if match.lastgroup == "skip":
                return match[0]
            _, term, everywhere = self.forms[int(match.lastgroup[1:])]
            if term.name in seen or not (everywhere or term.lesson == number):
                return match[0]
            seen.add(term.name)
            return f"{{term}}`{' '.join(match[0].split())} <{term.name}>`"

        for pattern in self.patterns:
            texts = [pattern.sub(replace, text) for text in texts]
        return texts, seen


def prose(cell):
    """Tell whether a cell is prose whose terms are linked: no captions of figures, no references."""
    return cell.cell_type == "markdown" and "alt" not in tags(cell) and "## References" not in cell.source


def uses(terms, found):
    """Return {name of a term: numbers of the lessons whose prose it stands in}."""
    linker, used = Linker(terms), {term.name: [] for term in terms}
    for lesson in found:
        texts = [cell.source for cell in lesson.cells if prose(cell) and not lessons.for_instructor(cell)]
        for name in linker.link(texts, lesson.number)[1]:
            used[name].append(lesson.number)
    return used


def page(terms, found):
    """Return the glossary's page: an entry links to the lesson that explains it and lists the others that use it."""
    numbers = {lesson.number: lesson for lesson in found}
    used = uses(terms, found)
    parts = ["# Glossary\n\nEvery term that the lessons teach, in a sentence or two, with the lesson that explains it."]
    letter = ""
    for term in terms:
        if term.lesson not in numbers:
            continue
        if term.name[0].upper() != letter:
            letter = term.name[0].upper()
            parts.append(f"## {letter}")
        also = f" *Also: {', '.join(term.also)}.*" if term.also else ""
        others = ", ".join(_link(numbers[n], int(n)) for n in used[term.name] if n != term.lesson)
        where = f"→ {_link(numbers[term.lesson])}" + (f"; also in {others}" if others else "")
        text = " ".join(term.text.split())
        parts.append(f"```{{glossary}}\n{term.name}\n  {text}{also}\n\n  {where}\n```")
    return "\n\n".join(parts) + "\n"


def _link(lesson, text=None):
    return f"[{text or f'{int(lesson.number)} {lesson.title}'}](lessons/{lesson.path.stem}.ipynb)"
