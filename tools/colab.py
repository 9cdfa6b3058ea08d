"""The course in a stand-in for Colab: `python3 course.py test --colab`, or `python -m tools.colab lacks`.

Colab itself cannot be had on a laptop. Its front end and its packages can: an environment of its own with the versions
that it publishes, in which the units and every notebook (profile smoke) run. What only a newer package can do fails here.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv-colab"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LACKS = "av espeakng-loader jiwer pose-format pycocoevalcap rapidfuzz resvg_py sacrebleu"
PINS = """\
ipykernel==6.17.1
ipython==7.34.0
ipywidgets==7.7.1
jupyter_client==7.4.9
librosa==0.11.0
matplotlib==3.10.0
nbclient==0.10.4
numpy==2.1.3
pandas==2.2.3
scikit-learn==1.6.1
torch==2.11.0
torchvision==0.26.0
transformers==5.15.0
"""  # from its published list of 2026-08; its Python is 3.13, this one is yours


def install():
    """Make the environment, or bring it up to date."""
    if not PYTHON.exists():
        venv.EnvBuilder(with_pip=True).create(HOME)
    pins = HOME / "pins.txt"
    pins.write_text(PINS, encoding="utf-8")
    pip = [PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", pins, "-e", ".[test]"]
    status = subprocess.run(pip, cwd=ROOT).returncode
    if status == 0:  # the one package of Colab's own that the course looks for, by name only
        named = next(HOME.glob("**/site-packages")) / "google_colab-1.0.0.dist-info"
        named.mkdir(exist_ok=True)
        (named / "METADATA").write_text("Metadata-Version: 2.1\nName: google-colab\nVersion: 1.0.0\n", encoding="utf-8")
    return status


def main(what="test"):
    """Print what Colab lacks, or install and run the tests; return the exit status."""
    if what == "lacks":
        print(LACKS)
        return 0
    if status := install():
        return status
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    units = ["pytest", "-n", "2", "--dist", "worksteal"]
    steps = (["mmcourse.data", "--all"], units, ["tools.notebooks", "smoke"])
    for step in steps:
        if status := subprocess.run([PYTHON, "-m", *step], cwd=ROOT, env=settings).returncode:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
