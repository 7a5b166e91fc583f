"""Whether the pipeline can work where it is: looked at before the work, by `make` and by each stage.

As a program it is what `make` asks before it installs anything.  So it needs nothing but Python itself.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pgan.errors import InputError, user_errors
from pgan.terminal import begin

FOLDERS = (Path("data"), Path("data/train"), Path("data/evaluate"))
"""On the way to outputs, as those in the latter two are: DVC refuses an output that lies elsewhere through a link."""
OWN = (".dvc", "dvc.yaml", "params.yaml", "stages", "pgan")
"""What there is of the pipeline in a whole copy of the repository."""
IMPOSSIBLE = re.compile(rf"{re.escape(os.pathsep)}|\n|\$[A-Za-z_]\w*|[{{}}]")
"""In a path: PATH cannot hold the first, and setuptools takes the last for variables."""
START = "`git init && git add . && git commit -m start`"


def check(root: Path) -> None:
    """Raise InputError where a stage's outputs could not be written, or DVC would refuse them afterwards."""
    for folder in _on_the_way(root):
        name = folder.relative_to(root)
        if folder.is_symlink():
            _check_link(folder, name, root)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{name}: a file, where the pipeline needs a folder; move it away")
    for name in (Path(), *FOLDERS):
        folder = root / name
        if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(
                f"{folder.absolute() if folder == root else name}: cannot be written: a read-only disk, or another "
                "user's folder; give yourself the right to write there, or move the repository"
            )


def _on_the_way(root: Path) -> Iterator[Path]:
    """The folders above outputs, as far as they are there: data, data/train, data/train/init, …"""
    for folder in FOLDERS:
        yield root / folder
    for folder in FOLDERS[1:]:
        if (root / folder).is_dir():
            yield from sorted(path for path in (root / folder).iterdir() if path.is_dir() or not path.exists())


def _check_link(folder: Path, name: Path, root: Path) -> None:
    """Raise InputError for a link that leaves the repository, or leads nowhere. One inside of it does no harm."""
    target = Path(os.path.realpath(folder))
    if not target.exists():
        reason = f"a link to {os.readlink(folder)}, which is not there"
        raise InputError(f"{name}: {reason}; remove the link, or mount the disk that it leads to")
    if not target.is_relative_to(os.path.realpath(root)):
        cache = shlex.quote(str(target / "dvc-cache"))
        raise InputError(
            f"{name}: a link to {target}, outside of the repository, where DVC refuses outputs; to keep them on that "
            f"disk, let DVC's cache lie there: `rm {name} && dvc cache dir --local {cache}`; or mount the disk at "
            f"{name}, or move the whole repository to it"
        )


# --- what `make` asks


def check_repository(root: Path) -> None:
    """Raise InputError where DVC would refuse to work in this folder, or would see nothing of it."""
    missing = [name for name in OWN if not (root / name).exists()]
    if missing:
        raise InputError(
            f"{missing[0]}: missing in {root}, which is no whole copy of the repository; clone or unpack it again, "
            "hidden files too"
        )
    above = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if above is None:
        install = "" if shutil.which("git") else "install git, then run "
        raise InputError(f"{root} is no git repository, which DVC needs; {install}{START}")
    if above != root and _ignored(root):
        raise InputError(
            f"dvc.yaml: ignored by the git repository in {above}, so that DVC would not see it; "
            f"move this folder out of it, or make it a repository of its own: {START}"
        )


def _ignored(root: Path) -> bool:
    """Whether git ignores the pipeline's file. False where there is no git to ask."""
    command = ["git", "-C", str(root), "check-ignore", "--quiet", "dvc.yaml"]
    try:
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def check_path(root: Path) -> None:
    """Raise InputError for a path in which a Python environment cannot be made or used."""
    found = IMPOSSIBLE.search(str(root))
    if found:
        raise InputError(
            f"{str(root)!r}: no Python environment can be in a path with {found[0]!r}; rename the folder, or clone the "
            "repository into another"
        )


def check_links(root: Path, environment: Path) -> None:
    """Raise InputError where an environment is still to be made, on a disk without symbolic links (FAT, exFAT)."""
    if environment.exists() or sys.platform == "darwin":  # there it can be made of copies
        return
    with tempfile.TemporaryDirectory(prefix=".links", dir=root) as folder:
        try:
            os.symlink("nothing", Path(folder) / "link")
        except OSError:
            raise InputError(
                f"{root}: this disk has no symbolic links, which a Python environment needs; move the repository to "
                "another disk; DVC's cache may lie here: `dvc cache dir --local DIR`"
            ) from None


@user_errors
def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m stages.places", description=__doc__)
    parser.add_argument("--environment", type=Path, help="folder of the Python environment, made or still to be made")
    parser.add_argument("--pipeline", action="store_true", help="whether DVC can run the stages here")
    options = parser.parse_args()
    root = Path.cwd()
    if options.environment is not None:
        check_path(root)
        check_links(root, options.environment)
    if options.pipeline:
        check(root)
        check_repository(root)


if __name__ == "__main__":
    begin()
    main()
