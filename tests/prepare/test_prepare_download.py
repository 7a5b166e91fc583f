"""Downloads, from a server on this machine."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pgan.prepare import download as downloads
from pgan.prepare.command import download, prepare

app = typer.Typer()
app.command()(prepare)
app.command()(download)

CONTENT = {"a.gz": bytes(range(256)) * 5000, "b.gz": b"b"}


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT. `cut/` and `early/` break off, `wrong/` sends something else, `endless/` gives no length, `odd/`
    gives one that is no number, and `encoded/` calls the file's own compression an encoding."""

    requests: list[str]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        folder, _, name = self.path.strip("/").rpartition("/")
        data = CONTENT.get(name)
        if data is None or folder not in ("mirror", "cut", "early", "wrong", "endless", "odd", "encoded"):
            self.send_error(404)
            return
        self.send_response(200)
        if folder != "endless":
            self.send_header("Content-Length", "many" if folder == "odd" else str(len(data)))
        if folder == "encoded":
            self.send_header("Content-Encoding", "x-gzip")
        self.end_headers()
        if folder == "wrong":
            data = bytes(len(data))
        sent = {"cut": len(data) // 2, "early": 0}.get(folder, len(data))
        self.wfile.write(data[:sent])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that offers a small "mnist"."""
    files = tuple(downloads.RemoteFile(name, hashlib.sha256(data).hexdigest()) for name, data in CONTENT.items())
    Handler.requests = []
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{serving.server_port}"
    monkeypatch.setitem(downloads.DATASETS, "mnist", downloads.Dataset(f"{address}/mirror/", files))
    yield address
    serving.shutdown()
    serving.server_close()
    thread.join()


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[..., Result]:
    def command(*options: str) -> Result:
        return CliRunner().invoke(app, ["download", "mnist", "--out", str(tmp_path / "out"), *options])

    return command


def test_files_are_fetched_once(server: str, fetch: Callable[..., Result], tmp_path: Path) -> None:
    for _ in range(2):
        result = fetch()
        assert result.exit_code == 0
        assert result.stdout == "".join(f"{tmp_path / 'out' / name}\n" for name in CONTENT)
        assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == CONTENT
    assert Handler.requests == ["/mirror/a.gz", "/mirror/b.gz"]


def test_a_damaged_file_is_replaced(server: str, fetch: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.gz").write_bytes(b"damaged")
    assert fetch().exit_code == 0
    assert (tmp_path / "out" / "b.gz").read_bytes() == b"b"


@pytest.mark.parametrize("folder", ["endless", "encoded"])
def test_another_server(folder: str, server: str, fetch: Callable[..., Result], tmp_path: Path) -> None:
    assert fetch("--url", f"{server}/{folder}").exit_code == 0
    assert Handler.requests == [f"/{folder}/a.gz", f"/{folder}/b.gz"]
    assert (tmp_path / "out" / "a.gz").read_bytes() == CONTENT["a.gz"]


def test_a_file_without_end_is_given_up(
    server: str, fetch: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgan.fetch.LARGEST", 1000)
    result = fetch("--url", f"{server}/endless")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        f"error: {server}/endless/a.gz: more than the limit of 1000 bytes: not the file that was expected"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("wrong", "not the file that was expected: SHA-256"),
        ("cut", "broke off after"),
        ("early", "broke off after 0 bytes"),
        ("odd", "'many'; try again"),
        ("missing", "the server says 404 Not Found; try another with --url"),
    ],
)
def test_failures_leave_nothing(
    folder: str, message: str, server: str, fetch: Callable[..., Result], tmp_path: Path
) -> None:
    result = fetch("--url", f"{server}/{folder}")
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"error: {server}/{folder}/a.gz: ")
    assert message in last
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://no-such-host.invalid", "nonsense", "http://127.0.0.1:x/"]
)
def test_no_server(url: str, fetch: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    files = (downloads.RemoteFile("a.gz", "0" * 64),)
    monkeypatch.setitem(downloads.DATASETS, "mnist", downloads.Dataset("http://127.0.0.1:1/", files))
    result = fetch("--url", url)
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"error: {url.rstrip('/')}/a.gz: cannot be reached: ")
    assert last.endswith("; if you are online, try another with --url")
    assert "HTTPConnectionPool" not in last, "the system's reason, not the library's"
    assert "Traceback" not in result.output


def test_unknown_data_set() -> None:
    assert CliRunner().invoke(app, ["download", "imagenet"]).exit_code == 2


def test_checksums_are_those_of_the_real_files(shared_data: Path) -> None:
    known = {file.name: file.sha256 for file in downloads.DATASETS["mnist"].files}
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        assert hashlib.sha256((shared_data / "mnist" / name).read_bytes()).hexdigest() == known[name]
