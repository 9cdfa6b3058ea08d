"""A hub for one room on one machine: every learner gets a JupyterLab with the notebooks, in a browser, without installing.

    python3 course.py data --all                              # once: the cache that all share
    .venv/bin/python -m pip install -e ".[hub]"               # once
    npm install -g configurable-http-proxy                    # once: the hub's front door
    MMCOURSE_HUB_PASSWORD='eight or more letters' .venv/bin/jupyterhub -f teaching/hub/jupyterhub_config.py

Learners open http://THIS-MACHINE:8000, take any name and the room's password. Each gets a folder of their own under
MMCOURSE_HUB_ROOM (default: room/ in this folder's repository) with the notebooks and a progress file; whatever a learner
changed is kept when a server is started again. `python3 course.py progress --class ROOM` shows what the room has passed.

For an afternoon among people who trust each other, on a network that you trust: all servers run as your user, so that
nothing but good manners keeps one learner out of another's folder, and whoever knows the password can take any name.
For more than that use accounts of the system, containers, or the values file for Kubernetes beside this file.
"""

import os
import shutil
import sys
from pathlib import Path

from mmcourse.data.cache import cache_folder

HOME = Path(__file__).resolve().parents[2]
ROOM = Path(os.environ.get("MMCOURSE_HUB_ROOM", HOME / "room")).expanduser().resolve()
PASSWORD = os.environ.get("MMCOURSE_HUB_PASSWORD", "")
if len(PASSWORD) < 8:
    sys.exit("Set MMCOURSE_HUB_PASSWORD to the room's password, eight letters or more, and start again.")


def hand_out(spawner):
    """Give a learner the notebooks before the first start, and never touch what is there already."""
    desk = ROOM / spawner.user.name
    for source in [*(HOME / "notebooks").glob("*.ipynb"), *(HOME / "notebooks" / "solutions").glob("*.ipynb")]:
        place = desk / source.relative_to(HOME / "notebooks")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            shutil.copyfile(source, place)
    spawner.environment["MMCOURSE_PROGRESS"] = str(desk / "progress.json")


c = get_config()  # noqa: F821  JupyterHub defines it
ROOM.mkdir(parents=True, exist_ok=True)

c.JupyterHub.bind_url = os.environ.get("MMCOURSE_HUB_URL", "http://:8000")
c.JupyterHub.db_url = f"sqlite:///{ROOM / '.hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(ROOM / ".hub_secret")
c.ConfigurableHTTPProxy.pid_file = str(ROOM / ".proxy.pid")

c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = PASSWORD
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = r"[a-z0-9][a-z0-9_-]{0,30}"  # it becomes a folder's name

c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = str(ROOM / "{username}")
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--ServerApp.quit_button=False", *(["--allow-root"] if os.geteuid() == 0 else [])]
c.Spawner.args += ["--KernelManager.transport=ipc"]  # many kernels that start at once take each other's TCP ports
c.Spawner.default_url = "/lab/tree/00_start_here.ipynb"
c.Spawner.pre_spawn_hook = hand_out
c.Spawner.env_keep = ["PATH", "LANG", "LC_ALL", "MMCOURSE_PROFILE"]
c.Spawner.environment = {
    "OMP_NUM_THREADS": "1",  # a room shares the cores
    "MMCOURSE_CACHE": str(cache_folder()),  # one for all; learners only read it
}

# A whole room presses "start" in the same minute: nobody is refused, and a slow start is waited for.
c.JupyterHub.concurrent_spawn_limit = 0
c.Spawner.start_timeout = 600
c.Spawner.http_timeout = 600
c.JupyterHub.init_spawners_timeout = 60
