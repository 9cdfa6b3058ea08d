"""``python -m mmcourse.data [--all] [NAME ...]``: fetch and prepare data sets; ``--cards`` writes their cards."""

import argparse
import sys
import time

from mmcourse import data


def main(arguments=None):
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m mmcourse.data", description="Fetch the data sets of the course.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(data.REGISTRY)}")
    parser.add_argument("--all", action="store_true", help="fetch every set that can be fetched")
    parser.add_argument("--cards", action="store_true", help="write the cards of a clone of the course")
    options = parser.parse_args(arguments)
    if options.cards:
        from mmcourse.data.cards import write_cards

        print(f"Cards: {write_cards()}")
        return 0
    names = [name for name, entry in data.REGISTRY.items() if not entry.find] if options.all else options.names
    failed = [name for name in names if not _fetch(name)]
    if not (failed or options.names):
        _overview()
    return 1 if failed else 0


def _fetch(name):
    start = time.perf_counter()
    try:
        there = data.ready(name)
        data.prepare(name)
    except data.DataError as error:
        print(error, file=sys.stderr)
        return False
    print(f"{name}: {'already there' if there else f'ready after {time.perf_counter() - start:.0f} s'}")
    return True


def _overview():
    print(f"Cache: {data.cache_folder()}")
    for name, entry in data.REGISTRY.items():
        print(f"  {name:21}{_state(name, entry):15}{entry.size}")


def _state(name, entry):
    if data.ready(name):
        return "ready"
    return "your own copy" if entry.find else "not fetched"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted. Nothing is broken; run the same command again.")
