"""What Pillow silently gets wrong, format by format: put right where the pixels allow it, else refused.

Each module knows one format. None of them decodes anything itself.
"""

from PIL import Image

from pgan.prepare.formats import bmp, jpeg, jpeg2000, media, png, tiff


def before_opening(data: bytes) -> bytes:
    """The encoded image as Pillow is to read it. Raises Unreadable when it is damaged."""
    return png.trimmed(data) if data.startswith(png.SIGNATURE) else data


def before_loading(image: Image.Image, data: bytes) -> None:
    """Refuse what Pillow would misread. Raises Unreadable."""
    match image.format:
        case "TIFF":
            tiff.refuse_misread(image, data)
        case "JPEG" | "MPO":
            jpeg.refuse_missing_scans(image, data)
        case "JPEG2000":
            jpeg2000.refuse_misread(data)
        case "BMP":
            bmp.refuse_misread(data)
        case "PNG":
            png.refuse_misread(data)
        case "WEBP" | "AVIF" | "HEIF":
            media.refuse_zeros(data)


def after_loading(image: Image.Image, data: bytes) -> None:
    """Put right what Pillow says of the image, and refuse half of one. Raises Unreadable."""
    match image.format:
        case "JPEG" | "MPO":
            jpeg.refuse_half(image, data)
        case "PNG":
            png.scale_transparency(image, data)
            png.refuse_half(image, data)


def white(image: Image.Image) -> int:
    """The value that means white in an image of 16-bit grey."""
    return tiff.white(image) if image.format == "TIFF" else 65535


def is_negative(image: Image.Image) -> bool:
    """Whether 0 means white in an image of 16-bit grey."""
    return image.format == "TIFF" and tiff.is_negative(image)
