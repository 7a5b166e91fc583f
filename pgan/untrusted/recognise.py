"""What a file is, by its content, so that a reader that wanted another one can say so, and say what to do.

Nothing is run or unpacked: the first bytes tell, the names in a zip archive, and the names that a pickle asks for.
"""

import codecs
import io
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from pgan.errors import InputError
from pgan.untrusted.inputs import open_file

HEAD, TAIL = 2**20, 2**16
"""Bytes that are looked at, at the beginning and at the end."""
MOST_OPCODES = 100_000
"""Instructions of a pickle that are looked at."""
SHOWN = 60
"""Characters of a text that a message quotes."""


class Kind(Enum):
    """Of the files that some reader here may be able to read; OTHER: none is."""

    PYTORCH = "a zip archive of tensors, as torch.save writes it"
    TORCHSCRIPT = "TorchScript"
    SAFETENSORS = "safetensors"
    ONNX = "ONNX"
    PICKLE = "a pickle"
    OTHER = "anything else"


@dataclass(frozen=True)
class Found:
    """What a file is."""

    what: str
    """As a message calls it: `a web page`."""
    kind: Kind = Kind.OTHER
    advice: str = ""
    """What to do, whatever was wanted; empty where that depends on it."""


CHECKPOINT = "a pgan checkpoint"
EXPORTED = "a generator that `pgan export` wrote"
OFFICIAL = "a pickle of the official Progressive GAN code"

AGAIN = "download or copy it again"
UNPACK = "unpack it, and name the file in it"
ITSELF = "open the link in a browser, and download the file itself"
POINTER = "it stands for the file itself: run"


def refusal(
    path: Path, wanted: str, advice: str, by_what: Mapping[str, str] | None = None, missing: str = "no such file"
) -> InputError:
    """The error of a reader that `wanted` another file: what this one is, and what to do.

    Args:
        advice: where the file itself suggests nothing.
        by_what: other advice for CHECKPOINT, EXPORTED or OFFICIAL.
        missing: what to say where there is no file.
    """
    found = recognise(path)
    if found is None and not path.exists():
        return InputError(f"{path}: {missing}")
    if found is None or found.what == wanted:
        return InputError(f"{path}: not {wanted}, or a damaged one; {advice}")
    what = found.what if found.what.startswith(wanted) else f"{found.what}, not {wanted}"
    return InputError(f"{path}: {what}; {found.advice or (by_what or {}).get(found.what, advice)}")


def recognise(path: Path) -> Found | None:
    """What a file or folder is; None where nothing tells, or there is none.

    Raises:
        InputError: it is a pipe or a device, or has a name that no file can have.
    """
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        parts = path.name and path.with_name(f"{path.name}.index").exists()
        return Found("a TensorFlow checkpoint") if parts else None  # its files are named by what their names share
    with open_file(path) as file:
        head = file.read(HEAD)
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL))
        tail = file.read(TAIL)
        if not head:
            return Found("an empty file", advice=AGAIN)
        if head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") <= size - 8:  # first: it begins with any bytes
            return _safetensors(head)
        if head.startswith(b"PK\x03\x04"):
            return _zip(file, head)
    if _is_pickle(head, tail):
        return _pickle(head, tail)
    return (
        _text(head)
        or _marked(head, size)
        or _protobuf(head, tail, size)
        or _tensorflow_part(path, tail)
        or _zeros(head)
    )


# --- by their first bytes


_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\x1f\x9d": "compress",
}
_IMAGES = {b"\x89PNG\r\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
_OTHERS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes (.h5)",
    b"GGUF": "a GGUF model of llama.cpp",
    b"lmgg": "a GGML model of llama.cpp",
    b"tjgg": "a GGML model of llama.cpp",
    b"fmgg": "a GGML model of llama.cpp",
    b"\x93NUMPY": "an array of numpy (.npy)",
    b"\x12\x01\0\0\0\0\0\0": "an MXNet parameter file",
    b"MATLAB 5.0 MAT-file": "a MATLAB file",
    b"%PDF-": "a PDF document",
    b"SQLite format 3\0": "a SQLite database",
}


def _marked(head: bytes, size: int) -> Found | None:
    """What begins with bytes of its own."""
    for mark, name in _ARCHIVES.items():
        if head.startswith(mark):
            return Found(f"an archive ({name})", advice=UNPACK)
    if head[257:262] == b"ustar":
        return Found("an archive (tar)", advice=UNPACK)
    for mark, name in _IMAGES.items():
        if head.startswith(mark):
            return Found(f"an image ({name})")
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Found("an image (WebP)")
    if head.startswith(b"BM") and int.from_bytes(head[2:6], "little") == size:
        return Found("an image (BMP)")
    if head[4:8] == b"ftyp":
        return Found("an image or a film (AVIF, HEIC or MP4)")
    if head[4:8] == b"TFL3":
        return Found("a TensorFlow Lite model")
    if head.startswith(b"x") and head[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):  # zlib's, with its levels
        return Found("a file compressed with zlib, as joblib writes")
    return next((Found(what) for mark, what in _OTHERS.items() if head.startswith(mark)), None)


def _zeros(head: bytes) -> Found | None:
    """What a download leaves that reserved its room and never came."""
    return None if head.strip(b"\0") else Found("a file of zeros", advice=f"it never came: {AGAIN}")


# --- text


_ANSWER = re.compile(r"not[ _]?found|denied|forbidden|unauthorized|\berror\b|expired|quota|rate limit", re.IGNORECASE)


def _text(head: bytes) -> Found | None:
    """A text, which mostly stands where a file should be: a page, a pointer, a server's answer."""
    text = _decoded(head[:4096])
    if text is None:
        return None
    if text.startswith("version https://git-lfs"):
        return Found("a Git LFS pointer", advice=f"{POINTER} `git lfs pull` in its repository")
    if "/annex/objects/" in text.partition("\n")[0]:
        return Found("a git-annex pointer", advice=f"{POINTER} `git annex get` in its repository")
    if re.search(r"^outs:\n(.*\n)*?[- ] *md5: ", text, re.MULTILINE):
        return Found("a DVC pointer", advice=f"{POINTER} `dvc pull`, and name the file")
    if re.match(r"\s*<", text) and re.search(r"<(!doctype html|html|head|body|script|meta|a href)\b", text, re.I):
        title = re.search(r"<title[^>]*>\s*([^<]*?)\s*</title>", text, re.I)
        named = f" ('{title[1][:SHOWN]}')" if title and title[1] else ""
        return Found(f"a web page{named}", advice=ITSELF)
    if text.startswith("[InternetShortcut]"):
        return Found("a link to a web page", advice=ITSELF)
    if text.startswith("model_checkpoint_path:"):
        return Found("the list of a TensorFlow checkpoint's files")
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if _ANSWER.search(text[:1000]):
        return Found(f"a server's answer ('{line[:SHOWN]}')", advice=ITSELF)
    return Found(f"a text file ('{line[:SHOWN]}')")


def _decoded(data: bytes) -> str | None:
    """The beginning of a text, or None where the bytes are none."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data)  # may end within a character
    except UnicodeDecodeError:
        return None
    return None if re.search(r"[\0-\x08\x0e-\x1f\x7f]", text) else text


# --- zip archives


def _zip(file: BinaryIO, head: bytes) -> Found:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            tensors = next((name for name in names if name.endswith("/data.pkl") or name == "data.pkl"), None)
            if tensors is not None:
                return _pytorch_archive(archive, names, tensors, head)
    except Exception:  # zipfile raises half a dozen kinds on a damaged archive
        torch = b"data.pkl" in head[:1024]
        ours = CHECKPOINT if b"pgan checkpoint" in head else "a PyTorch file" if torch else "a zip archive"
        return Found(f"{ours}, cut off or damaged", advice=AGAIN)
    if "config.json" in names and any(name.endswith(".weights.h5") for name in names):
        return Found("a Keras model")
    if any(name.endswith("saved_model.pb") for name in names):
        return Found("a TensorFlow SavedModel in a zip archive")
    if names and all(name.endswith(".npy") for name in names):
        return Found("an archive of numpy arrays (.npz)")
    if any(name.endswith(("serialized_exported_program.json", "/archive_format")) for name in names):
        return Found("a PyTorch program of torch.export")
    first = ", ".join(name[:SHOWN] for name in names[:3]) + ", …" * (len(names) > 3)
    return Found(f"a zip archive ({first or 'empty'})", advice=UNPACK)


def _pytorch_archive(archive: zipfile.ZipFile, names: list[str], tensors: str, head: bytes) -> Found:
    if any("/code/" in name.lower() for name in names):
        ours = any(name.endswith("/extra/pgan.json") for name in names)
        return Found(EXPORTED if ours else "TorchScript of another program", Kind.TORCHSCRIPT)
    entry, data = archive.getinfo(tensors), b""
    if entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack a whole block at once
        try:
            with archive.open(entry) as record:
                data = record.read(HEAD)
        except Exception:  # damaged, which is for its reader to say
            if b"pgan checkpoint" in head:
                return Found(CHECKPOINT, Kind.PYTORCH)
    return Found(_pytorch(*_look(data)), Kind.PYTORCH)


def _pytorch(asked: list[str], texts: list[str]) -> str:
    """What a file of torch.save is, by the names and the texts in it."""
    if any(text.startswith("pgan checkpoint ") for text in texts):
        return CHECKPOINT
    if any(text.startswith("pgan classifier ") for text in texts):
        return "a classifier that `pgan features` made"
    if "pytorch-lightning_version" in texts:
        return "a PyTorch Lightning checkpoint"
    if any(text.startswith("model.diffusion_model.") for text in texts):
        return "a Stable Diffusion checkpoint (PyTorch)"
    plain = ("torch", "collections", "numpy", "_codecs", "builtins", "__builtin__")
    whole = next((n for n in asked if n.partition(".")[0] not in plain or n.startswith("torch.nn.")), None)
    if whole:
        return f"a PyTorch file of another program (with objects of {whole[:SHOWN]})"
    return "a PyTorch file of another program"


# --- pickles


_LEGACY_PYTORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The number with which torch.save began its files before version 1.6."""
_PICKLES = {
    "sklearn.": "a pickle of scikit-learn",
    "xgboost.": "a pickle of XGBoost",
    "lightgbm.": "a pickle of LightGBM",
    "joblib.": "a pickle of joblib",
    "pandas.": "a pickle of pandas",
    "keras.": "a pickle of Keras",
    "tensorflow.": "a pickle of TensorFlow",
    "jax": "a pickle of JAX",
    "flax.": "a pickle of Flax",
    "torch.": "a pickle of PyTorch",
}
"""By the beginning of a name that they ask for."""


def _is_pickle(head: bytes, tail: bytes) -> bool:
    """Whether bytes are a pickle: from protocol 2 on they say so; older ones ask for names and end in a stop."""
    if head[:1] == b"\x80":
        return head[1:2] <= b"\x05"
    asked = _look(head)[0] if tail.endswith(b".") else []
    return bool(asked) and all(re.fullmatch(r"[\w.]+", name) for name in asked)


def _pickle(head: bytes, tail: bytes) -> Found:
    if head.startswith(_LEGACY_PYTORCH):
        return Found(f"{_pytorch(*_look(head))}, in torch's old format")
    asked, texts = _look(head)
    cut = "" if tail.endswith(b".") else ", cut off"
    if "tfutil.Network" in asked:
        return Found(OFFICIAL + cut, Kind.PICKLE, AGAIN if cut else "")
    if "network.Network" in asked:
        return Found(f"networks of the official Progressive GAN code's older version, for Theano{cut}")
    if any(name.startswith("dnnlib.tflib.") for name in asked):
        version = "StyleGAN2" if "G_main" in texts else "StyleGAN"
        return Found(f"networks of {version} (a TensorFlow pickle){cut}")
    if any(name.startswith("torch_utils.persistence.") for name in asked):
        return Found(f"networks of StyleGAN2-ADA, StyleGAN3 or a program that builds on them (a PyTorch pickle){cut}")
    for beginning, what in _PICKLES.items():
        name = next((name for name in asked if name.startswith(beginning)), None)
        if name is not None:
            return Found(f"{what} ({name[:SHOWN]}){cut}")
    return Found(f"a pickle{cut}", Kind.PICKLE, AGAIN if cut else "")


def _look(data: bytes) -> tuple[list[str], list[str]]:
    """The names that pickles, one after the other, ask for, and the texts in them; nothing is carried out."""
    asked: list[str] = []
    texts: list[str] = []
    memo: dict[int, str] = {}
    last = ""  # the text that the instruction before has put on the stack, if it was one
    for name, argument in _instructions(data):
        if name in ("PROTO", "FRAME"):
            continue
        if name == "MEMOIZE" or name.endswith("PUT"):
            memo[len(memo) if name == "MEMOIZE" else int(str(argument))] = last
            continue
        if name == "GLOBAL":
            asked.append(str(argument).replace(" ", ".", 1))
        elif name == "STACK_GLOBAL":
            asked.append(".".join(texts[-2:]))
        last = str(argument) if "UNICODE" in name or name.endswith("STRING") else ""
        if name.endswith("GET"):
            last = memo.get(int(str(argument)), "")
        if last:
            texts.append(last)
    return asked, texts


def _instructions(data: bytes) -> Iterator[tuple[str, object]]:
    """Name and argument of each, as far as the data go and are such."""
    stream, left = io.BytesIO(data), MOST_OPCODES
    with suppress(Exception):  # cut off, damaged, or no pickle
        while stream.tell() < len(data):
            for instruction, argument, _ in pickletools.genops(stream):
                yield instruction.name, argument
                left -= 1
                if not left:
                    return


# --- others


_DIFFUSION = (b'"model.diffusion_model.', b'"down_blocks.', b'"transformer_blocks.', b'"lora_')


def _safetensors(head: bytes) -> Found:
    if b'"pgan"' in head:
        return Found(EXPORTED, Kind.SAFETENSORS)
    diffusion = any(mark in head for mark in _DIFFUSION)
    return Found("a Stable Diffusion model (safetensors)" if diffusion else "a safetensors file", Kind.SAFETENSORS)


def _protobuf(head: bytes, tail: bytes, size: int) -> Found | None:
    """Models that are messages of protobuf, by their first fields."""
    if head.startswith(b"\x08\x01\x12"):
        return Found("a TensorFlow SavedModel")
    if head[:1] == b"\x08" and head[2:3] in (b"", b"\x12", b"\x1a", b"\x22", b"\x2a", b"\x32", b"\x3a", b"\x42"):
        if b"pgan generator" in tail:
            return Found(EXPORTED, Kind.ONNX)
        if not _whole(head, size):
            return Found("an ONNX model that is cut off", Kind.ONNX, AGAIN)
        return Found("an ONNX model of another program", Kind.ONNX)
    if head[:1] == b"\x0a" and (b"tensorflow" in head or b"Placeholder" in head):
        return Found("a TensorFlow graph")
    return None


def _whole(head: bytes, size: int) -> bool:
    """Whether a message of protobuf ends where its file does, as far as its beginning tells."""
    place = 0
    while place < len(head):
        tag, place = _number(head, place)
        value, place = _number(head, place)  # the number itself, or the length of what follows
        place += value if tag & 7 == 2 else 0
    return place == size if len(head) == size else place <= size


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A number in groups of seven bits, and the place after it."""
    value = shift = 0
    while place < len(data):
        byte = data[place]
        value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128 or shift > 63:
            break
    return value, place


def _tensorflow_part(path: Path, tail: bytes) -> Found | None:
    """A part of a TensorFlow checkpoint: the index is a table of LevelDB; the data have no mark but the index."""
    stem = re.fullmatch(r"(.+)\.data-\d{5}-of-\d{5}", path.name)
    if tail.endswith(b"\x57\xfb\x80\x8b\x24\x75\x47\xdb") or (stem and path.with_name(f"{stem[1]}.index").exists()):
        return Found("a part of a TensorFlow checkpoint")
    return None


def _folder(path: Path) -> Found:
    def there(*names: str) -> bool:
        return all((path / name).exists() for name in names)

    if there("checkpoint.pt"):
        return Found("a folder", advice=f"name {path / 'checkpoint.pt'}")
    if there("saved_model.pb"):
        return Found("a TensorFlow SavedModel")
    if there("model_index.json"):
        return Found("a folder of diffusers (Stable Diffusion and its like)")
    if there("data.pkl", "version"):
        return Found("a PyTorch file that was unpacked", advice="download it again, and do not unpack it")
    if there("config.json"):
        return Found("a Hugging Face model")
    if any(path.glob("*.index")):
        return Found("a TensorFlow checkpoint")
    return Found("a folder", advice="name the file in it")
