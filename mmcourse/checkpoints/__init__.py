"""Weights of the course's own: made by a lesson's code with a longer budget, half precision, one file a lesson."""

import json
import os
from pathlib import Path

FOLDER = Path(__file__).parent
MEGABYTES = 5  # at most, a file


def checkpoint(lesson, **modules):
    """Load the weights that a lesson ships into modules built by the same code, and return what was measured on them.

    Parameters
    ----------
    lesson : str
        "15".
    **modules : torch.nn.Module
        By the names under which they were saved; all of them or some. They keep their device and dtype.

    Returns
    -------
    dict of str to str
        Facts: budget, figures; the card beside the file shows the same.

    Raises
    ------
    FileNotFoundError
        The lesson ships no weights.
    ValueError
        A module of another name or shape, or no module at all.
    """
    from safetensors import SafetensorError, safe_open

    path = FOLDER / f"lesson_{lesson}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"Lesson {lesson} ships no weights ({path.name}); make them: course.py train {lesson}")
    if not modules:
        raise ValueError('checkpoint needs modules to fill, as in checkpoint("15", denoiser=denoiser)')
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            weights = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError, KeyError) as error:
        raise ValueError(
            f"{path} is damaged ({error}); install the course anew, or: course.py train {lesson}"
        ) from None
    for name, module in modules.items():
        own = {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
        if not own:
            names = ", ".join(sorted({key.partition(".")[0] for key in weights}))
            raise ValueError(f"lesson {lesson} ships no {name!r}; it ships: {names}")
        try:
            module.load_state_dict(own)
        except RuntimeError as error:
            raise ValueError(f"{name} is not built as the one that lesson {lesson} ships: {error}") from None
    return facts


def save(lesson, modules, facts, folder=FOLDER):
    """Write weights in half precision, and a card of them; see `checkpoint`.

    Parameters
    ----------
    lesson : str
    modules : dict of str to torch.nn.Module
    facts : dict of str to str
        What was measured, and with what budget.
    folder : pathlib.Path

    Returns
    -------
    pathlib.Path
        The file. Nothing is written when an error is raised.

    Raises
    ------
    ValueError
        A weight that is not finite in half precision, or a file over five megabytes.
    """
    import torch
    from safetensors.torch import save as to_bytes

    weights = {}
    for name, module in modules.items():
        for key, value in module.state_dict().items():
            half = value.detach().cpu().half() if value.is_floating_point() else value.cpu()
            if not torch.isfinite(half).all():
                raise ValueError(f"{name}.{key} is not finite in half precision")
            weights[f"{name}.{key}"] = half.contiguous()
    held = to_bytes(weights, metadata={"facts": json.dumps(facts)})
    if len(held) > MEGABYTES * 1e6:
        raise ValueError(f"the weights take {len(held) / 1e6:.1f} MB; at most {MEGABYTES} are shipped")
    path = folder / f"lesson_{lesson}.safetensors"
    part = path.with_suffix(".part")
    part.write_bytes(held)
    os.replace(part, path)
    path.with_suffix(".md").write_text(card(lesson, modules, facts), encoding="utf-8", newline="\n")
    return path


def card(lesson, modules, facts):
    """Return the Markdown page that stands beside the weights of a lesson."""
    sizes = {name: sum(value.numel() for value in module.state_dict().values()) for name, module in modules.items()}
    rows = [f"| `{name}` | {size:,} numbers |" for name, size in sizes.items()]
    rows += [f"| {fact} | {text} |" for fact, text in facts.items()]
    head = [f"<!-- Written by: python3 course.py train {lesson} -->", "", f"# Weights of lesson {lesson}", ""]
    return "\n".join([*head, "| weights | half precision, safetensors |", "| --- | --- |", *rows, ""])
