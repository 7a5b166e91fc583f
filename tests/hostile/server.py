"""A process that has imported everything once and runs each command in a fork of its own, where it can do no harm.

One request a line on stdin, `{"arguments": […], "folder": …}`; one answer a line on stdout.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

MEMORY = 2**31
"""Bytes beyond what the process has when it starts."""
SECONDS = 25
"""Until a command is killed. It is judged by less: the machine may be busy."""


def main() -> None:
    """Answer until stdin ends."""
    import_everything()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nothing that a library prints may get between the answers
    answers.write("ready\n")
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(run(request["arguments"], request["folder"], request.get("memory", MEMORY))) + "\n")


def import_everything() -> None:
    """What the commands import in their bodies, so that a fork need not."""
    import matplotlib.figure  # noqa: F401
    import onnxruntime  # noqa: F401
    import pandas  # noqa: F401
    import PIL.Image
    import pooch  # noqa: F401
    import requests  # noqa: F401
    import safetensors.torch  # noqa: F401
    import sklearn.datasets  # noqa: F401
    import torch

    import pgan.cli
    import pgan.interchange.generator_file
    import pgan.interchange.onnx
    import pgan.interchange.tensors
    import pgan.interchange.torchscript
    import pgan.metrics.evaluation
    import pgan.prepare.build
    import pgan.rendering.curves
    import pgan.rendering.metrics
    import pgan.rendering.pictures
    import pgan.reporting.page
    import pgan.training.loop  # noqa: F401

    PIL.Image.init()
    torch.set_num_threads(1)


def run(arguments: list[str], folder: str, memory: int) -> dict[str, object]:
    """One command in a fork, its output in files beside the folder, and what became of it."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        in_child(arguments, folder, memory)
    _, status, usage = os.wait4(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # workers that it left behind
    return {
        "code": os.waitstatus_to_exitcode(status),
        "wall": time.monotonic() - started,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss * 1024,
    }


def in_child(arguments: list[str], folder: str, memory: int) -> None:
    """Never returns."""
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        out = os.open(f"{folder}.stdout", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        err = os.open(f"{folder}.stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (out, 1), (err, 2)):
            os.dup2(source, target)
        temporary = Path(folder, "tmp")
        os.environ |= {"TMPDIR": str(temporary), "HOME": str(temporary), "PGAN_CACHE": str(temporary / "cache")}
        limit = virtual() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**31, 2**31))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(SECONDS)
        sys.argv = ["pgan", *arguments]
        code = call()
    finally:
        os._exit(code)


def call() -> int:
    """The exit code of the console script."""
    from pgan.cli import main as pgan

    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)
    try:
        pgan()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:
        traceback.print_exc()
        code = 1
    return code


def virtual() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
