"""Command line: `course.py bench [NAME ...] [growth] [training] [costs] [--write] [--device cuda]`."""

import argparse
import importlib
import sys
import warnings

import torch

from benchmarks import alignment, fusion, race, report, representation, translation  # noqa: F401 (each registers its cases)

PARTS = ("growth", "training", "costs")  # modules whose `section(device)` is a Markdown text


def main(arguments=None):
    """Race the blocks that were named, or all of them, or make other parts; --write puts the texts into RESULTS.md."""
    parser = argparse.ArgumentParser(prog="course.py bench", description="Race the course's blocks against libraries.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(race.CASES)}; or {', '.join(PARTS)}")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seconds", type=float, default=4.0, help="time for each peer, 4 by default")
    parser.add_argument("--write", action="store_true", help="put the whole table into benchmarks/RESULTS.md")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(race.CASES) - set(PARTS):
        parser.error(f"no block {', '.join(sorted(unknown))}; there are {', '.join((*race.CASES, *PARTS))}")
    blocks, parts = ([n for n in options.names if (n in PARTS) == wanted] for wanted in (False, True))
    if options.write and blocks:
        parser.error("--write needs the whole table: name no blocks")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch finds no CUDA device here")
    texts = {part: importlib.import_module(f"benchmarks.{part}").section(options.device) for part in parts}
    if blocks or not parts:
        texts["blocks"] = table(blocks, options.device, options.seconds)
    for name, text in texts.items():
        print(f"{text}\n")
        if options.write:
            report.write(f"{name}, {options.device}", f"{report.machine(options.device)}.\n\n{text}")


def table(names, device, seconds):
    """Race the named blocks, or all that run on the device; return the table and the versions."""
    races = []
    for case in race.CASES.values():
        if device in case.devices and (not names or case.name in names):
            races.append(race.race(case, device, seconds=seconds))
            for row in races[-1]:  # the table comes at the end
                print(report.line(row, race.best_of(races[-1])), file=sys.stderr, flush=True)
    return f"{report.table(races)}\n\nVersions: {report.versions()}."


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # what libraries say of each other's versions
    main()
