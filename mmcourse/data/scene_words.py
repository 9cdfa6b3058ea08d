"""What can be said and asked about a scene: captions, questions and dialogues that follow from its objects."""

import itertools
from collections import Counter

KINDS = tuple(  # from frequent to rare
    "star duck key house frog banana cloud bell tractor mushroom turtle crown rocket pear umbrella rabbit doughnut sun "
    "envelope castle snail pizza robot train teapot carrot ghost airplane elephant tent anchor crab camera watermelon "
    "penguin pretzel balloon hamburger snake chair croissant pineapple".split()
)
COLOURS = ("red", "yellow", "green", "blue", "pink", "grey")
RELATIONS = ("left of", "right of", "above", "below")
PLACES = ("top left", "top right", "bottom left", "bottom right")
ANSWERS = (*KINDS, *COLOURS, *PLACES, *"01234", "yes", "no")
CHOICES = {"what": len(KINDS), "colour": 4, "where": 4, "count": 5, "exists": 2}  # answers that a question may have
QUESTION_TYPES = tuple(CHOICES)
SIDE, CLEAR = 64, 5  # pixels: of a picture; nearer to its middle lines nothing is in a quarter


def relation(thing, other):
    """Say where a thing is, seen from another: the larger of two offsets counts."""
    right, down = thing["x"] - other["x"], thing["y"] - other["y"]
    return RELATIONS[int(right > 0) if abs(right) > abs(down) else 2 + int(down > 0)]


def captions(things, level):
    """Return captions that are all right, the canonical one first: from left to right, each object with a relation."""
    row = sorted(things, key=lambda thing: thing["x"])
    names = ["a " + (f"{t['size']} " if level == "hard" else "") + f"{t['colour']} {t['kind']}" for t in row]
    if len(row) == 1:
        rest = names[0].removeprefix("a ")
        return [
            names[0],
            f"there is {names[0]}",
            f"one {rest} on white",
            f"a {row[0]['kind']} that is {row[0]['colour']}",
        ]
    told = _told(row, names)
    return list(dict.fromkeys([told, f"there is {told}", _told(row[::-1], names[::-1]), " and ".join(names)]))


def _told(row, names):
    text = f"{names[0]} {relation(row[0], row[1])} {names[1]}"
    for before, thing, name in zip(row[1:], row[2:], names[2:], strict=False):
        text += f" and {relation(thing, before)} it {name}"
    return text


def _place(thing):
    """Return the quarter of the picture that a thing is in, or nothing if that is not clear."""
    right, down = thing["x"] - SIDE // 2, thing["y"] - SIDE // 2
    return PLACES[2 * (down > 0) + (right > 0)] if min(abs(right), abs(down)) >= CLEAR else None


def _facts(thing, things):
    """Return ``{question type: [(question about "it", answer)]}`` for a thing."""
    others = {word: [o["kind"] for o in things if o is not thing and relation(o, thing) == word] for word in RELATIONS}
    return {
        "what": [(f"what is {word} it?", kinds[0]) for word, kinds in others.items() if len(kinds) == 1],
        "colour": [("what colour is it?", thing["colour"])],
        "where": [("where is it?", place) for place in [_place(thing)] if place],
    }


def questions(things, pairs, rng, asked):
    """Return at most one question of each type, choosing answers that were rare so far.

    Parameters
    ----------
    things : list of dict
    pairs : dict of str to tuple of str
        The colours of each kind that may be asked for.
    rng : numpy.random.Generator
    asked : Counter
        How often questions, and pairs of question and answer, were asked; it is kept up.
    """
    kinds, hues = (Counter(thing[key] for thing in things) for key in ("kind", "colour"))
    found = {kind: [] for kind in QUESTION_TYPES}
    for thing in things:
        if kinds[thing["kind"]] == 1:
            for kind, turns in _facts(thing, things).items():
                found[kind] += [(text.replace(" it?", f" the {thing['kind']}?"), answer) for text, answer in turns]
    drawn = [KINDS[rng.integers(len(KINDS))] for _ in range(3)]
    found["count"] = [(f"how many {colour} things are there?", str(hues[colour])) for colour in COLOURS]
    found["count"] += [(f"how many {kind}s are there?", str(kinds[kind])) for kind in dict.fromkeys([*kinds, *drawn])]
    there = {(thing["colour"], thing["kind"]) for thing in things}
    near = [pair for pair in itertools.product(hues, kinds) if pair not in there and pair[0] in pairs[pair[1]]]
    far = [(pairs[kind][rng.integers(len(pairs[kind]))], kind) for kind in drawn]
    far = [(colour, kind) for colour, kind in far if not (hues[colour] and kinds[kind])]
    absent = near if near and asked["near"] <= asked["far"] else far
    for answer, group in (("yes", sorted(there)), ("no", absent)):
        found["exists"] += [(f"is there a {colour} {kind}?", answer) for colour, kind in group]
    chosen = {kind: _choose(options, CHOICES[kind], rng, asked) for kind, options in found.items()}
    if chosen["exists"] and chosen["exists"][1] == "no":
        asked["near" if absent is near else "far"] += 1
    return [{"type": kind, "question": one[0], "answer": one[1]} for kind, one in chosen.items() if one]


def _choose(options, choices, rng, asked):
    """Return the pair of question and answer that is most under its even share; None if all are far above it."""
    if not options:
        return None
    turn = int(rng.integers(len(options)))
    best = min(options[turn:] + options[:turn], key=lambda pair: asked[pair] * choices - asked[pair[0]])
    if asked[best] * choices > 1.5 * asked[best[0]] + 3 * choices:
        return None
    asked.update([best, best[0]])
    return best


def dialogue(things, rng):
    """Return a first turn that counts, and two or three about "it" or "them", the objects that were counted."""
    groups = [(key, value) for key in ("kind", "colour") for value in dict.fromkeys(t[key] for t in things)]
    groups = [(key, value, [t for t in things if t[key] == value]) for key, value in groups]
    groups = [group for group in groups if group[0] == "kind" or len(group[2]) > 1]
    key, value, group = groups[rng.integers(len(groups))]
    first = f"how many {value}s are there?" if key == "kind" else f"how many {value} things are there?"
    if len(group) == 1:
        turns = [turn for options in _facts(group[0], things).values() for turn in options[:1]]
        turns.append(("is it large?", _yes(group[0]["size"] == "large")))
    else:
        other, domain = ("colour", COLOURS) if key == "kind" else ("kind", KINDS)
        values = [group[rng.integers(len(group))][other], domain[rng.integers(len(domain))]]
        ends = ("", "") if key == "kind" else ("a ", "s")
        turns = [
            ("how many of them are large?", str(sum(t["size"] == "large" for t in group))),
            (f"how many of them are {values[0]}{ends[1]}?", str(sum(t[other] == values[0] for t in group))),
            (f"is one of them {ends[0]}{values[1]}?", _yes(any(t[other] == values[1] for t in group))),
        ]
    start = int(rng.integers(len(turns)))
    turns = [(first, str(len(group))), *(turns[start:] + turns[:start])[:3]]
    return [{"question": question, "answer": answer} for question, answer in turns]


def _yes(fact):
    return "yes" if fact else "no"


WORDS_RECIPE = (
    *(KINDS, COLOURS, RELATIONS, PLACES, CHOICES, SIDE, CLEAR),
    *(relation, captions, _told, _place, _facts, questions, _choose, dialogue, _yes),
)
