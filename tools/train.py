"""Make the weights that a lesson ships, by the lesson's own code: `python3 course.py train NN`."""

import argparse
import sys
import time

from mmcourse import checkpoints
from tools.lesson import LessonError, lift


def main(arguments=None):
    """Run `train_checkpoint` of a lesson and keep what it returns."""
    parser = argparse.ArgumentParser(prog="course.py train", description=__doc__)
    parser.add_argument("lesson", help="its number, as in 15")
    number = parser.parse_args(arguments).lesson.zfill(2)
    try:
        train = lift(number, "train_checkpoint")
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    began = time.process_time()
    modules, facts = train()
    facts = {**facts, "CPU minutes of training": f"{(time.process_time() - began) / 60:.0f}"}
    path = checkpoints.save(number, modules, facts)
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB. Now: python3 course.py build {number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
