"""One file from a web server: checked and whole, or not at all.

pooch talks to the server. This module adds a limit of size, errors of one line, and the file's own bytes where a server
calls a .gz file an encoding. It writes with `pgan/files.py` rather than into a cache of pooch, in which a killed
process leaves files under random names.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any, BinaryIO

from pgan.errors import RunError
from pgan.files import whole_file
from pgan.untrusted.inputs import open_file

TIMEOUT = 30
"""Seconds without an answer after which a server counts as silent."""
BLOCK = 2**18
"""Bytes that are received at a time."""
LARGEST = 2**30
"""Bytes of a file; CIFAR-10 has 170 MB. A server that never ends would fill the disk."""


def fetch(url: str, path: Path, sha256: str, otherwise: str) -> None:
    """Download `url` to `path`, which appears only when it is whole and has the right checksum.

    A bar on stderr shows the progress. A download that broke off begins from the start the next time.

    Args:
        otherwise: what the user can do when this server does not have the file, which ends the message.

    Raises:
        RunError: the server cannot be reached, has no such file, breaks off, or sends too much or something else.
        InputError: nothing can be written at `path`.
    """
    with whole_file(path) as part:
        with part.open("wb") as file:
            _receive(url, file, path.name, otherwise)
        digest = file_digest(part)
        if digest != sha256:
            found = f"SHA-256 {digest}, not {sha256}"
            raise RunError(f"{url}: not the file that was expected: {found}; nothing was kept; {otherwise}")


def file_digest(path: Path) -> str:
    """A file's SHA-256 in hexadecimal."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _receive(url: str, file: BinaryIO, name: str, otherwise: str) -> None:
    """Write what the server sends; an error of the network becomes a RunError that says what happened."""
    from pooch import HTTPDownloader
    from requests.exceptions import HTTPError, RequestException
    from tqdm import tqdm

    with tqdm(desc=name, unit="B", unit_scale=True, mininterval=0.1 if sys.stderr.isatty() else 10) as bar:
        receiver = _Receiver(url, file, bar)
        download = HTTPDownloader(chunk_size=BLOCK, timeout=TIMEOUT, hooks={"response": receiver.begin})
        try:
            download(url, receiver, None)
        except HTTPError as error:
            raise RunError(f"{url}: the server says {_status(error)}; {otherwise}") from None
        except (RequestException, ValueError) as error:
            if receiver.has_answer:
                raise RunError(f"{url}: broke off after {file.tell()} bytes: {_reason(error)}; try again") from None
            raise RunError(f"{url}: cannot be reached: {_reason(error)}; if you are online, {otherwise}") from None


class _Receiver:
    """The file as pooch sees it: one that counts what arrives, and refuses more than `LARGEST` bytes."""

    def __init__(self, url: str, file: BinaryIO, bar: Any) -> None:
        self._url, self._file, self._bar = url, file, bar
        self.has_answer = False

    def begin(self, answer: Any, **_: Any) -> None:
        """Look at the headers.

        A server may call any .gz file an encoding, as Apache does. requests would then unpack the file; it must not.
        """
        self.has_answer = True
        answer.raw.headers.pop("Content-Encoding", None)
        self._bar.total = int(answer.headers.get("Content-Length") or 0) or None

    def write(self, block: bytes) -> int:
        """Write, within the limit."""
        if self._file.tell() + len(block) > LARGEST:
            raise RunError(f"{self._url}: more than the limit of {LARGEST} bytes: not the file that was expected")
        self._bar.update(len(block))
        return self._file.write(block)

    def flush(self) -> None:
        """pooch flushes after each block; the file is flushed when it is closed."""


def _status(error: Any) -> str:
    return f"{error.response.status_code} {error.response.reason}"


def _reason(error: BaseException) -> BaseException:
    """What lies at the bottom of an error: the system's own words, where it has some."""
    while error.__context__ is not None:
        error = error.__context__
    return error
