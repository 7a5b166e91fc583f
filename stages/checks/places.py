"""Whether the pipeline can work in this folder: `make` and each stage check it before they start.

`make` runs this module as a program before it installs anything.  So it needs nothing but Python itself.
"""

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pgan.errors import InputError
from pgan.process import begin, user_errors

FOLDERS = (Path("data"), Path("data/train"), Path("data/evaluate"))
"""Folders that have outputs in them: DVC refuses an output that a link puts outside the repository."""
OWN = (".dvc", "dvc.yaml", "params.yaml", "stages", "pgan")
"""Parts of the pipeline that a complete copy of the repository has."""
PLAIN = re.compile(r"[\w./+,=@-]+")
"""A path in which every program works. `%` breaks MLflow's migrations, and `'` breaks torch's compiler."""
START = "`git init && git add . && git commit -m start`"


def check(root: Path) -> None:
    """Raise InputError if a stage's outputs could not be written, or if DVC would refuse them afterwards."""
    if set("{}") & set(os.path.realpath(root)):  # DVC's progress bars take braces for format fields
        raise InputError(f"{root.absolute()}: DVC does not work in a path with '{{' or '}}'; rename the folder")
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
    """The existing folders above outputs: data, data/train, data/train/init, …"""
    for folder in FOLDERS:
        yield root / folder
    for folder in FOLDERS[1:]:
        if (root / folder).is_dir():
            yield from sorted(path for path in (root / folder).iterdir() if path.is_dir() or not path.exists())


def _check_link(folder: Path, name: Path, root: Path) -> None:
    """Raise InputError for a link that leaves the repository or is broken. A link inside it does no harm."""
    target = Path(os.path.realpath(folder))
    if not target.exists():
        reason = f"a link to {os.readlink(folder)}, which is not there"
        raise InputError(f"{name}: {reason}; remove the link, or mount the disk that it leads to")
    if not target.is_relative_to(os.path.realpath(root)):
        restore = "git checkout data && " if name == Path("data") else ""  # git keeps pages in it
        move = f"rm {name} && {restore}dvc cache dir --local {shlex.quote(str(target / 'dvc-cache'))}"
        raise InputError(
            f"{name}: a link to {target}, outside of the repository, where DVC refuses outputs; to keep them on that "
            f"disk, put DVC's cache there: `{move}`; or mount the disk at {name}, or move the whole repository to it"
        )


# --- what `make` asks


def check_repository(root: Path) -> None:
    """Raise InputError if DVC would refuse to work in this folder, or would not see it."""
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
    """Whether git ignores dvc.yaml. False if git is not installed."""
    command = ["git", "-C", str(root), "check-ignore", "--quiet", "dvc.yaml"]
    try:
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def place_environment(root: Path, environment: Path) -> None:
    """Make a missing environment a link into the user's cache, if programs would not work in the repository's path.

    Raises:
        InputError: the cache's path is no better, or `make` itself cannot work in the repository's path.
    """
    if "\n" in str(root):
        raise InputError(f"{str(root)!r}: a path with a line break; rename the folder")
    if environment.exists() or PLAIN.fullmatch(str(root)):
        return
    cache = Path(os.path.realpath(Path(os.environ.get("PGAN_CACHE") or "~/.cache/pgan").expanduser()))
    if not PLAIN.fullmatch(str(cache)):
        raise InputError(
            f"{cache}: no Python environment works in such a path, nor in {root}; set PGAN_CACHE to a folder "
            "with letters, digits and . _ - alone in its path"
        )
    place = cache / "environments" / f"pgan-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"
    place.mkdir(parents=True, exist_ok=True)
    environment.unlink(missing_ok=True)  # a broken link
    environment.symlink_to(place)
    print(f"{environment}: a link to {place}: not every program works in a path such as this one", flush=True)


def check_links(root: Path, environment: Path) -> None:
    """Raise InputError if a missing environment would be on a disk without symbolic links (FAT, exFAT)."""
    if environment.exists() or sys.platform == "darwin":  # where it can consist of copies
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
    """Run the checks that the options name."""
    parser = argparse.ArgumentParser(prog="python -m stages.checks.places", description=__doc__)
    parser.add_argument("--environment", type=Path, help="folder of the Python environment, made or still to be made")
    parser.add_argument("--pipeline", action="store_true", help="whether DVC can run the stages here")
    options = parser.parse_args()
    root = Path.cwd()
    if options.environment is not None:
        check_links(root, options.environment)
        place_environment(root, options.environment)
    if options.pipeline:
        check(root)
        check_repository(root)


if __name__ == "__main__":
    begin()
    main()
