"""Will this machine carry the room? Start the hub, let all learners come at once, and report.

    .venv/bin/python teaching/hub/load.py --learners 20 --lesson 00

Every learner logs in through the page, starts a server, opens the lesson, runs the cells of its solved version (profile
smoke), and saves. In the middle one server is killed and started again. It fails when anybody was not served, when a
cell failed, when a progress file is missing or short, or when the killed server cost more than the cell that was running.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
import websocket

HERE = Path(__file__).resolve().parent
HOME = HERE.parents[1]
PASSWORD = uuid.uuid4().hex
PATIENCE = 900  # seconds that a learner waits for a server, and for a lesson


class Learner:
    """One browser: a session with cookies, a server and a kernel."""

    def __init__(self, hub, name):
        self.hub, self.name, self.web = hub, name, requests.Session()
        self.base = f"{hub}/user/{name}"

    def log_in(self):
        """Fill in the form, then ask for a token, as JupyterLab's own pages do."""
        page = self.web.get(f"{self.hub}/hub/login", timeout=PATIENCE)
        form = {"username": self.name, "password": PASSWORD, "_xsrf": self._xsrf(page)}
        done = self.web.post(f"{self.hub}/hub/login", data=form, timeout=PATIENCE, allow_redirects=False)
        assert done.status_code == 302, f"{self.name} was not let in: {done.status_code}"
        page = self.web.get(f"{self.hub}/hub/token", timeout=PATIENCE)
        headers = {"X-XSRFToken": self._xsrf(page), "Referer": f"{self.hub}/hub/token"}
        done = self.web.post(f"{self.hub}/hub/api/users/{self.name}/tokens", json={}, headers=headers, timeout=PATIENCE)
        done.raise_for_status()
        self.web.headers["Authorization"] = f"token {done.json()['token']}"
        self.web.cookies.clear()

    @staticmethod
    def _xsrf(page):
        return re.search(r'(?:name="_xsrf" value=|xsrf_token: )"([^"]+)"', page.text)[1]

    def start(self):
        """Ask for a server and wait until it answers; return the seconds that took."""
        began = time.perf_counter()
        while (
            asked := self.web.post(f"{self.hub}/hub/api/users/{self.name}/server", timeout=PATIENCE)
        ).status_code == 429:
            time.sleep(2)
        assert asked.status_code in (201, 202, 400), f"{self.name} was refused: {asked.status_code} {asked.text}"
        while time.perf_counter() - began < PATIENCE:
            try:
                if self.web.get(f"{self.base}/api/status", timeout=60).ok:
                    return time.perf_counter() - began
            except requests.RequestException:
                pass
            time.sleep(0.5)
        raise TimeoutError(f"{self.name} was not served within {PATIENCE} s")

    def open_kernel(self):
        """Start a kernel and open its channel."""
        kernel = self.web.post(f"{self.base}/api/kernels", json={"name": "python3"}, timeout=PATIENCE).json()["id"]
        address = f"{self.base}/api/kernels/{kernel}/channels".replace("http://", "ws://")
        header = [f"Authorization: {self.web.headers['Authorization']}"]
        self.socket = websocket.create_connection(address, header=header, timeout=PATIENCE)

    def send(self, code):
        """Ask the kernel to run one cell; return the number of the request."""
        number = uuid.uuid4().hex
        head = {"msg_id": number, "msg_type": "execute_request", "username": "", "session": self.name, "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        blank = {"parent_header": {}, "metadata": {}, "channel": "shell", "buffers": []}
        self.socket.send(json.dumps({"header": head, "content": content, **blank}))
        return number

    def run(self, code):
        """Run one cell to its end; return its error, or None."""
        number = self.send(code)
        while True:
            message = self.socket.recv()
            reply = json.loads(message) if isinstance(message, str) else {"msg_type": "pictures of a widget"}
            if reply.get("content", {}).get("execution_state") in ("restarting", "dead"):
                return "the kernel died"
            if reply["msg_type"] == "execute_reply" and reply["parent_header"].get("msg_id") == number:
                content = reply["content"]
                return None if content["status"] == "ok" else f"{content.get('ename')}: {content.get('evalue')}"

    def lesson(self, cells, path):
        """Run the cells of a lesson and save it; return seconds to the first answer and to the end."""
        began = time.perf_counter()
        self.open_kernel()
        first = None
        for cell in cells:
            error = self.run(cell)
            assert error is None, f"{self.name}: {error} in {cell[:60]!r}"
            first = first or time.perf_counter() - began
        notebook = self.web.get(f"{self.base}/api/contents/{path}", timeout=PATIENCE).json()
        notebook["content"]["metadata"]["saved_by"] = self.name
        self.web.put(f"{self.base}/api/contents/{path}", json=notebook, timeout=PATIENCE).raise_for_status()
        return first, time.perf_counter() - began


def memory():
    """Sum what all processes below this one hold, shared pages shared out, in GB (Linux)."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with_pid = status.read_text().rsplit(")", 1)
        parents[int(status.parent.name)] = int(with_pid[1].split()[1])
    mine, grown = {os.getpid()}, True
    while grown:
        grown = {pid for pid, parent in parents.items() if parent in mine} - mine
        mine |= grown
    held = 0
    for pid in mine:
        try:
            held += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
        except (OSError, TypeError):
            continue
    return held / 1e6


def kill_server(name):
    """Kill the server of a learner without warning, and its kernels (Linux)."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mine = f"JUPYTERHUB_USER={name}\0".encode() in folder.joinpath("environ").read_bytes()
        except OSError:
            continue
        if mine:
            os.kill(int(folder.name), signal.SIGKILL)


def passed(room, name):
    """Return the exercises that a learner's progress file says are solved."""
    kept = json.loads((room / name / "progress.json").read_text(encoding="utf-8"))
    return sorted(key for key, entry in kept["exercises"].items() if entry.get("passed"))


def hub(room):
    """Start the hub on a free port of loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"MMCOURSE_HUB_ROOM": str(room), "MMCOURSE_HUB_PASSWORD": PASSWORD, "MMCOURSE_PROFILE": "smoke"}
    settings["MMCOURSE_HUB_URL"] = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "jupyterhub", "-f", str(HERE / "jupyterhub_config.py")]
    log = (room / "hub.log").open("wb")
    process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log)
    return process, settings["MMCOURSE_HUB_URL"]


def main():
    """Run the room and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, default=20)
    parser.add_argument("--lesson", default="00")
    options = parser.parse_args()
    if not shutil.which("configurable-http-proxy"):
        sys.exit("The hub needs its front door: npm install -g configurable-http-proxy")
    solved = next((HOME / "notebooks" / "solutions").glob(f"{options.lesson}_*.ipynb"))
    cells = [c for c in json.loads(solved.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    cells = ["".join(cell["source"]) for cell in cells]
    with tempfile.TemporaryDirectory() as folder:
        process, address = hub(Path(folder))
        try:
            report(Path(folder), address, cells, solved.name, options.learners)
        finally:
            process.terminate()
            process.wait(60)


def report(room, address, cells, path, number):
    """Let the learners come, and print what happened."""
    learners = [Learner(address, f"learner-{k:02}") for k in range(number)]
    while not _up(address):
        time.sleep(0.5)
    with ThreadPoolExecutor(number) as pool:
        list(pool.map(Learner.log_in, learners))
        served = list(pool.map(Learner.start, learners))
        print(f"{len(served)} of {number} learners served: {_range(served)}; {memory():.1f} GB", flush=True)
        jobs = [pool.submit(learner.lesson, cells, path) for learner in learners]
        most = 0.0
        while not all(job.done() for job in jobs):
            most = max(most, memory())
            time.sleep(5)
        times = [job.result() for job in jobs]
    print(
        f"first answer {_range([t[0] for t in times])}; lesson {_range([t[1] for t in times])}; {most:.1f} GB at most"
    )
    solved = {tuple(passed(room, learner.name)) for learner in learners}
    assert len(solved) == 1, f"progress differs between learners: {solved}"
    print(f"{number} progress files, each with the exercises {', '.join(solved.pop())}")
    survive(room, learners[0], cells, path)


def survive(room, learner, cells, path):
    """Kill a learner's server while a cell runs; everything saved before must be there after a new start."""
    before = passed(room, learner.name)
    learner.send("import time; time.sleep(3600)")
    time.sleep(2)
    kill_server(learner.name)
    print(f"the server of {learner.name} was killed; served again after {learner.start():.0f} s")
    notebook = learner.web.get(f"{learner.base}/api/contents/{path}", timeout=PATIENCE).json()
    assert notebook["content"]["metadata"]["saved_by"] == learner.name, "the saved notebook is gone"
    assert passed(room, learner.name) == before, "progress is gone"
    learner.open_kernel()
    assert learner.run(cells[0]) is None


def _up(address):
    try:
        return requests.get(f"{address}/hub/health", timeout=5).ok
    except requests.RequestException:
        return False


def _range(seconds):
    return f"median {statistics.median(seconds):.0f} s, slowest {max(seconds):.0f} s"


if __name__ == "__main__":
    main()
