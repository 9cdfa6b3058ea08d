"""Command line: `course.py bench [NAME ...] [--write] [--device cuda]`."""

import argparse
import sys
import warnings

import torch

from benchmarks import alignment, fusion, race, report, representation, translation  # noqa: F401 (each registers its cases)


def main(arguments=None):
    """Race the blocks that were named, or all of them, and print the table; --write puts it into RESULTS.md."""
    parser = argparse.ArgumentParser(prog="course.py bench", description="Race the course's blocks against libraries.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"blocks: {', '.join(race.CASES)}; all by default")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seconds", type=float, default=4.0, help="time for each peer, 4 by default")
    parser.add_argument("--write", action="store_true", help="put the whole table into benchmarks/RESULTS.md")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(race.CASES):
        parser.error(f"no block {', '.join(sorted(unknown))}; there are {', '.join(race.CASES)}")
    if options.write and options.names:
        parser.error("--write needs the whole table: name no blocks")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch finds no CUDA device here")
    cases = [case for case in race.CASES.values() if options.device in case.devices]
    races = []
    for case in cases:
        if not options.names or case.name in options.names:
            print(f"{case.name} …", file=sys.stderr, flush=True)
            races.append(race.race(case, options.device, seconds=options.seconds))
    text = f"{report.machine(options.device)}; {report.versions()}\n\n{report.table(races)}"
    print(text)
    if options.write:
        report.write(options.device, text)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # what libraries say of each other's versions
    main()
