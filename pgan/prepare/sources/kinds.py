"""What is in people's trees beside the images: by its ending or name, and why it is left out."""

import re
from os.path import splitext
from typing import NamedTuple


class Group(NamedTuple):
    """Files or folders that are left out for the same reason."""

    what: str
    """In the plural; `{}` stands for their endings."""
    why: str
    """And what to do."""


GROUPS: dict[str, Group] = {
    "HEIF": Group("files {}", "no decoder for HEIC here; pip install 'pgan[heic]'"),
    "AVIF": Group("files {}", "this Pillow cannot read AVIF; pip install --upgrade pillow"),
    "unread": Group("files {}", "this build of Pillow cannot read the format; pip install --upgrade pillow"),
    "picture": Group("files {}", "images of a format that is not read; convert them to PNG"),
    "raw": Group("files {}", "a camera's raw images; export them as PNG, TIFF or JPEG"),
    "drawing": Group("files {}", "drawings or documents; export them as PNG"),
    "layers": Group("files {}", "an editor's own files; export them as PNG"),
    "film": Group("files {}", "films; take pictures out of them: ffmpeg -i FILM pictures/%06d.png"),
    "lmdb": Group("LMDB databases (data.mdb)", "not read; export the images in them to a folder"),
    "data": Group("data files {}", "not read; export the images in them to a folder"),
    "archive": Group("archives inside {}", "not read; unpack them"),
    "part": Group("parts of split archives", "not read; join and unpack them"),
    "pointer": Group("files that stand for others", "the images are elsewhere; fetch them first (git lfs pull)"),
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
    r"\.(?:z|r)\d\d$|\.part\d+\.rar$|\.(?:zip|7z|rar|tar|tgz|txz|gz|bz2|xz|zst)\.(?:\d{2,4}|(?:part)?[a-z]{2})$",
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
    """Whether a name is that of one part of a split archive."""
    return _PART.search(name) is not None


def group_of(name: str) -> str | None:
    """The group that a file's name tells, or None where it takes a look into the file."""
    if is_part(name):
        return "part"
    return "other" if name.endswith("~") or name.lower() == "lock.mdb" else _GROUP_OF.get(ending_of(name))


def ending_of(name: str) -> str:
    """`.jpg` of `a.JPG`; nothing of `.jpg`."""
    return splitext(name)[1].lower()
