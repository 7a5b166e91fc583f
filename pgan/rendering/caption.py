"""Text on pictures: a caption above them, and a bar below them that shows how far training has come."""

from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pgan.rendering.grid import GROUND

TEXT = 235
FAINT = 72
"""Grey levels, 0 to 255, of what is written and drawn."""


def caption(picture: Image.Image, left: str, right: str = "", width: int = 0) -> Image.Image:
    """`picture` under a line of text, centred on a ground that is at least `width` pixels wide."""
    font = _font(text_size(picture.width))
    height = 2 * text_size(picture.width)
    framed = Image.new(picture.mode, (max(width, picture.width), height + picture.height), grey(picture, GROUND))
    framed.paste(picture, ((framed.width - picture.width) // 2, height))
    draw, margin = ImageDraw.Draw(framed), height // 4
    draw.text((margin, height // 2), left, grey(picture, TEXT), font, anchor="lm")
    draw.text((framed.width - margin, height // 2), right, grey(picture, TEXT), font, anchor="rm")
    return framed


def caption_width(picture: Image.Image, left: str, right: str = "") -> int:
    """Pixels that a caption needs, with a gap between its two parts."""
    size = text_size(picture.width)
    letters = _font(size).getlength(left) + _font(size).getlength(right)
    return round(letters) + (3 if right else 1) * size


def credited(picture: Image.Image, credits: list[str]) -> Image.Image:
    """`picture` above the sources of what it shows, one after the other; itself where there are none to name."""
    if not credits:
        return picture
    size = text_size(picture.width)
    width, font = max(picture.width, 24 * size), _font(size)
    lines = [line for credit in credits for line in _wrapped(credit, font, width - size)]
    height = picture.height + len(lines) * 5 * size // 4 + size // 2
    framed = Image.new(picture.mode, (width, height), grey(picture, GROUND))
    framed.paste(picture, ((width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(framed)
    for number, line in enumerate(lines):
        draw.text((size // 2, picture.height + number * 5 * size // 4), line, grey(picture, TEXT), font)
    return framed


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """`text` in lines of up to `width` pixels; a longer word has a line of its own."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def text_size(width: int) -> int:
    """Size of the text on a picture of this width, in pixels."""
    return min(24, max(11, width // 32))


def timeline(picture: Image.Image, marks: list[float], position: float) -> Image.Image:
    """`picture` above a bar that is filled up to `position`, with a notch at each of `marks`; all from 0 to 1."""
    bar = max(4, picture.height // 80)
    framed = Image.new(picture.mode, (picture.width, picture.height + 2 * bar), grey(picture, GROUND))
    framed.paste(picture, (0, 0))
    draw = ImageDraw.Draw(framed)
    left, right, top = bar, picture.width - bar, picture.height + bar // 2

    def x(fraction: float) -> int:
        return left + round(fraction * (right - left))

    draw.rectangle((left, top, right, top + bar - 1), grey(picture, FAINT))
    if position > 0:
        draw.rectangle((left, top, x(position), top + bar - 1), grey(picture, TEXT))
    for mark in marks:
        draw.line((x(mark), top, x(mark), top + bar - 1), grey(picture, GROUND), width=2)
    return framed


def grey(picture: Image.Image, level: int) -> int | tuple[int, int, int]:
    """A grey level as a colour of a picture of mode L or RGB."""
    return level if picture.mode == "L" else (level, level, level)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans as matplotlib brings it: the same on every machine, and it has the × that Pillow's own lacks."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
