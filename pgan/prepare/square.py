"""An image of any shape -> a square of the resolution asked for."""

from PIL import Image

from pgan.prepare.config import Filter, Fit

FILTERS: dict[Filter, Image.Resampling] = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


class TooSmallError(ValueError):
    """The image would have to be enlarged, which was not allowed."""


def to_square(
    image: Image.Image, resolution: int, *, fit: Fit, pad_value: int, resample: Filter, allow_upscale: bool
) -> Image.Image:
    """Crop or pad `image` (L or RGB) to a square and resample it to `resolution` × `resolution` pixels.

    Raises:
        TooSmallError: its shorter side (crop) or longer side (pad) has fewer pixels, and `allow_upscale` is false.
    """
    side = (min if fit == "crop" else max)(image.size)
    if side < resolution and not allow_upscale:
        raise TooSmallError(f"{image.width} × {image.height} pixels")
    if fit == "crop":
        left, top = (image.width - side) // 2, (image.height - side) // 2
        return _resize(image, (resolution, resolution), resample, (left, top, left + side, top + side))

    # Resized first and padded then: a strip of 1 × 100,000 pixels must not become a square of 100,000 × 100,000.
    width, height = (max(1, round(length * resolution / side)) for length in image.size)
    page = Image.new(image.mode, (resolution, resolution), (pad_value,) * len(image.getbands()))
    page.paste(
        _resize(image, (width, height), resample, (0, 0, *image.size)),
        ((resolution - width) // 2, (resolution - height) // 2),
    )
    return page


def _resize(image: Image.Image, size: tuple[int, int], resample: Filter, box: tuple[int, int, int, int]) -> Image.Image:
    """The part `box` of the image at the new size; pixels that keep their size keep their values."""
    if (box[2] - box[0], box[3] - box[1]) == size:
        return image if image.size == size else image.crop(box)
    return image.resize(size, FILTERS[resample], box=box)
