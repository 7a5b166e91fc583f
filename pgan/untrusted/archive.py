"""The zip archives that torch writes, checked before torch reads them.

torch compares no checksums, so that a flipped bit becomes a wrong weight, and unpacks whatever a compressed record
holds.
"""

import pickletools
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from pgan.errors import InputError
from pgan.untrusted.inputs import open_file
from pgan.untrusted.recognise import AGAIN, CHECKPOINT, Kind, recognise

BLOCK = 2**20
LARGEST_CODE = 2**26
"""Bytes of TorchScript's code, unpacked."""
LARGEST_PICKLE = 2**26
"""Bytes of the record that names the tensors; they themselves lie beside it."""
PLAIN = re.compile(r"torch._utils _rebuild_tensor_v2|collections OrderedDict|torch \w+Storage|torch.storage \w+Storage")
"""What a file of plain tensors and values asks for.  torch admits more, such as sparse tensors that claim any size."""


def check_archive(path: Path, code: bool = False) -> list[str]:
    """The names of the records of an archive that is whole, every byte as it was written, nothing compressed.

    With `code`, records of code may be compressed, as `torch.jit.save` does it, up to a size.

    Raises:
        InputError: it is damaged, or was not written by torch.
        FileNotFoundError, IsADirectoryError: there is no such file.
    """
    with open_file(path) as file:
        size = file.seek(0, 2)
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
                _check_sizes(entries, size + LARGEST_CODE if code else size, code)
                for entry in entries:
                    with archive.open(entry) as record:  # reading to the end compares the checksum
                        while record.read(BLOCK):
                            pass
        except InputError:
            raise
        except Exception as error:  # zipfile raises half a dozen kinds on a damaged archive
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise InputError(f"{path}: damaged: {reason}; {AGAIN}") from None
    return [entry.filename for entry in entries]


def _check_sizes(entries: list[zipfile.ZipInfo], size: int, code: bool) -> None:
    """Whether what the entries claim can be in a file of that size. Raises ValueError."""
    packed = [entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
    if (packed and not code) or any(not _is_code(entry) for entry in packed):
        raise ValueError("a compressed record, which torch does not write")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("its records claim to be larger than the file")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("two records of one name")


def _is_code(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry may be compressed: other methods than deflate unpack a block at once, however large it is."""
    small = entry.file_size <= LARGEST_CODE
    return small and entry.compress_type == zipfile.ZIP_DEFLATED and "/code/" in entry.filename


def check_plain(path: Path, refuse: Callable[[Path], InputError]) -> None:
    """Whether the archive holds plain tensors and values only.

    Raises:
        InputError: as `refuse` makes it where the file is another one; of a damaged archive, as `check_archive`.
    """
    found = recognise(path)
    if found is None or found.kind is not Kind.PYTORCH:
        raise refuse(path)
    names = check_archive(path)
    pickles = [name for name in names if name.endswith("/data.pkl")]
    if len(pickles) != 1 or any("/code/" in name or name.endswith("/constants.pkl") for name in names):
        raise refuse(path)
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(pickles[0]).file_size > LARGEST_PICKLE:
            raise InputError(f"{path}: damaged: more than {LARGEST_PICKLE} bytes of names")
        data = archive.read(pickles[0])
        order = next((archive.read(name) for name in names if name.endswith("/byteorder")), b"little")
    if order != b"little":
        raise InputError(f"{path}: written on a machine of another byte order; write it on one like this")
    try:
        asked = [str(argument) for code, argument, _ in pickletools.genops(data) if "GLOBAL" in code.name]
    except Exception:  # a damaged pickle, which torch will stumble over too
        raise InputError(f"{path}: damaged: its list of tensors is cut off or broken; {AGAIN}") from None
    for name in asked:
        if not PLAIN.fullmatch(name):
            if found.what != CHECKPOINT:
                raise refuse(path)
            raise InputError(f"{path}: refused: it asks for {name.replace(' ', '.')}, which no pgan checkpoint needs")
