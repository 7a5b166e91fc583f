"""Frames -> .gif, .webp or .mp4."""

from pathlib import Path

from PIL import Image, features

from pgan.errors import RunError
from pgan.extras import require
from pgan.files import whole_file
from pgan.rendering.animation import write_gif
from pgan.rendering.grid import GROUND

ENDINGS = (".gif", ".webp", ".mp4")
LARGEST_SIDE = {".gif": 65535, ".webp": 16383, ".mp4": 8192}
"""Pixels: what the formats can hold, and for MP4 what players do."""

MP4 = [
    *("-crf", "16"),  # hardly distinguishable from the frames
    *("-threads", "1"),  # more of them change the bytes
    *("-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"),  # no version, no date
    *("-movflags", "+faststart"),
]


def check_film(ending: str, out: Path) -> None:
    """Raises RunError when what the format needs is not installed: before anything is computed."""
    if ending == ".webp" and not features.check("webp"):
        raise RunError(f"{out}: this Pillow cannot write WebP; install one with WebP, or write a .gif")
    if ending == ".mp4":
        require("imageio_ffmpeg", "video", f"{out}: an MP4 film")


def write_film(frames: list[Image.Image], ending: str, out: Path, frame_ms: int) -> None:
    """An endless film of frames of one size, mode L or RGB.

    Raises:
        RunError: ffmpeg fails, or is not there.
    """
    with whole_file(out) as part:
        if ending == ".gif":
            write_gif(frames, part, frame_ms, frame_ms)
        elif ending == ".webp":
            frames[0].save(
                part, "WEBP", save_all=True, append_images=frames[1:], duration=frame_ms, loop=0, lossless=True
            )
        else:
            _write_mp4(frames, part, 1000 / frame_ms)


def _write_mp4(frames: list[Image.Image], path: Path, fps: float) -> None:
    imageio_ffmpeg = require("imageio_ffmpeg", "video", "an MP4 film")
    width, height = frames[0].size
    size = (width + width % 2, height + height % 2)  # the codec's colours come in blocks of two
    try:
        writer = imageio_ffmpeg.write_frames(
            str(path),
            size,
            fps=fps,
            codec="libx264",
            pix_fmt_out="yuv420p",
            macro_block_size=1,
            ffmpeg_log_level="error",
            output_params=[*MP4, "-f", "mp4"],
        )
        writer.send(None)
        for frame in frames:
            even = Image.new("RGB", size, (GROUND, GROUND, GROUND))
            even.paste(frame.convert("RGB"))
            writer.send(even.tobytes())
        writer.close()
    except (RuntimeError, OSError) as error:  # no ffmpeg, or one without this codec
        raise RunError(f"ffmpeg failed: {str(error).strip().splitlines()[0][:200]}") from None
    if not path.exists() or not path.stat().st_size:
        raise RunError("ffmpeg failed: it wrote nothing")
