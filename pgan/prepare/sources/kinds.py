"""What is in people's trees beside the images: by its ending or name, and why it is left out."""

import re
from os.path import splitext
from typing import NamedTuple

from pgan.prepare.signatures import ADVICE, NO_DECODER


class Group(NamedTuple):
    """Files or folders that are left out for the same reason."""

    what: str
    """In the plural; `{}` stands for their endings."""
    why: str
    """And what to do."""


def _advice(group: str) -> str:
    """The advice for a file of a group, in the plural."""
    return re.sub(r"\bit\b", "them", ADVICE[group])


GROUPS: dict[str, Group] = {
    "HEIF": Group("files {}", NO_DECODER["HEIF"]),
    "AVIF": Group("files {}", NO_DECODER["AVIF"]),
    "unread": Group("files {}", NO_DECODER["unread"]),
    "picture": Group("files {}", f"images of a format that is not read; {_advice('picture')}"),
    "raw": Group("files {}", f"a camera's raw images; {_advice('raw')}"),
    "drawing": Group("files {}", f"drawings or documents; {_advice('drawing')}"),
    "layers": Group("files {}", f"an editor's own files; {_advice('layers')}"),
    "film": Group("files {}", f"films; {_advice('film')}"),
    "lmdb": Group("LMDB databases (data.mdb)", f"not read; {_advice('lmdb')}"),
    "data": Group("data files {}", f"not read; {_advice('data')}"),
    "archive": Group("archives inside {}", f"not read; {_advice('archive')}"),
    "part": Group("parts of split archives", "not read; join and unpack them"),
    "pointer": Group("files that stand for others", f"the images are elsewhere; {_advice('pointer')}"),
    "cloud": Group("hidden files of iCloud", "the images are not on this disk; download them first"),
    "links": Group("links", "they lead to no image in the archive"),
    "description": Group("dataset.json files", "no classes are taken from it: prepare.labels is false"),
    "again": Group("files whose name comes again later in the archive", "the last one counts"),
    "hidden": Group("hidden files", "not read"),
    "hidden folder": Group("hidden folders", "not read"),
    "system": Group("folders of a NAS, desktop or program", "thumbnails, recycle bins and the like"),
    "desktop": Group("files of a desktop {}", "not images"),
    "other": Group("other files {}", "not images"),
}
"""In the order in which a run lists them."""

_ENDINGS = {
    "HEIF": ".heic .heif .heics .heifs .hif",
    "AVIF": ".avif .avifs",
    "picture": ".cur .dds .dcm .exr .fit .fits .flif .hdr .icns .ico .jxl .jxr .nii .pcx .pic .pict .qoi .ras .sgi "
    ".tga .wdp .xbm .xpm",
    "raw": ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl "
    ".sr2 .srf .srw .x3f",
    "drawing": ".ai .cdr .djvu .dwg .dxf .emf .eps .pdf .ps .svg .svgz .wmf",
    "layers": ".afphoto .clip .kra .ora .procreate .psb .psd .sai .sketch .xcf",
    "film": ".3gp .avi .flv .gifv .insv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .vob .webm .wmv",
    "lmdb": ".lmdb .mdb",
    "data": ".arrow .beton .db3 .feather .h5 .hdf5 .lance .mat .npy .npz .parquet .pickle .pkl .pt .pth .rec .sqlite "
    ".sqlite3 .tfrecord .tfrecords",
    "archive": ".7z .ace .arj .bz2 .cab .cbr .cbz .dmg .gz .iso .lha .lz .lz4 .lzh .rar .tar .tbz .tbz2 .tgz .txz "
    ".tzst .xz .z .zip .zipx .zst",
    "other": ".aac .aae .bak .bat .bib .bin .cfg .cls .conf .cpp .crdownload .css .csv .c .db .dll .doc .docx "
    ".download .dvc .exe .flac .h .htm .html .info .ini .ipynb .js .json .jsonl .lnk .log .lrv .m4a .md .md5 .mp3 .msi "
    ".nfo .odt .old .orig .otf .part .partial .ppt .pptx .prototxt .py .pyc .rst .rtf .sh .sha256 .sql .srt .swp .tex "
    ".thm .tmp .toml .torrent .tsv .ttf .txt .url .wav .woff .woff2 .xls .xlsx .xml .xmp .yaml .yml",
}
_GROUP_OF = {ending: group for group, endings in _ENDINGS.items() for ending in endings.split()}

LOOKED_INTO = ("HEIF", "AVIF", "unread")
"""Groups whose endings are wrong often enough for a look at the first bytes: phones rename JPEG files to .heic."""

_PART = re.compile(
    r"\.(?:z|r)\d\d$|\.part\d+\.rar$|\.(?:zip|7z|rar|tar|tgz|txz|gz|bz2|xz|zst)\.(?:\d{2,4}|part[a-z]{2}|a[a-z])$",
    re.IGNORECASE,
)
_SYSTEM_FOLDERS = (
    "__macosx @eadir @recycle @recently-snapshot @tmp #recycle #snapshot $recycle.bin $recycle recycler recycled "
    "lost+found __pycache__ node_modules .thumbnails .ipynb_checkpoints .git .svn .hg .dvc .appledouble ._appledouble "
    ".appledb .appledesktop .spotlight-v100 .fseventsd .temporaryitems .trashes .trash .@__thumb .@__qini .cache "
    ".documentrevisions-v100 .dropbox.cache .picasaoriginals .streams .sync .tmp .vscode .idea"
)
_SYSTEM = {*_SYSTEM_FOLDERS.split(), "system volume information", "network trash folder", "temporary items"}
_DESKTOP = ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r")


def litter_folder(name: str) -> str | None:
    """The group of a folder that no one means to train on, by its name: `system` or `hidden folder`."""
    lower = name.lower()
    if lower in _SYSTEM or re.match(r"\.trash-\d", lower):
        return "system"
    return "hidden folder" if name.startswith(".") and name not in (".", "..") else None


def litter_file(name: str) -> str | None:
    """The group of a file that is never looked into, by its name: `desktop`, `hidden` or `cloud`."""
    if name.startswith("."):
        return "cloud" if name.lower().endswith(".icloud") else "hidden"
    return "desktop" if name.lower() in _DESKTOP else None


def is_part(name: str) -> bool:
    """Whether a file is one part of a split archive, by its name."""
    return _PART.search(name) is not None


def group_of(name: str) -> str | None:
    """The group that a file's name tells, or None where it takes a look into the file."""
    if is_part(name):
        return "part"
    return "other" if name.endswith("~") or name.lower() == "lock.mdb" else _GROUP_OF.get(ending_of(name))


def ending_of(name: str) -> str:
    """`.jpg` of `a.JPG`; nothing of `.jpg`."""
    return splitext(name)[1].lower()
