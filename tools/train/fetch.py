"""Downloads the Debian packages that hold the training pictures and unpacks them: `python fetch.py DIR`.

Needs a Debian or Ubuntu machine with `apt-get` and `dpkg`; nothing is installed. Licences: DATA.md.
"""

import pathlib
import subprocess
import sys

PACKAGES = [
    "tuxpaint-stamps-default",
    "openclipart-png",
    "gnome-backgrounds",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "lomiri-wallpapers-16.04",
    "mypaint-data-extras",
    "lomiri-wallpapers-20.04",  # evaluation only
]


def fetch(directory):
    """Unpacks each package under directory/NAME, unless that exists."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        if (directory / name).exists():
            continue
        subprocess.run(["apt-get", "download", name], cwd=directory, check=True)
        (archive,) = directory.glob(f"{name}_*.deb")
        subprocess.run(["dpkg", "-x", archive.name, name], cwd=directory, check=True)
        archive.unlink()


if __name__ == "__main__":
    fetch(pathlib.Path(sys.argv[1]))
