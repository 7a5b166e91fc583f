"""The parameters of the pictures: section `render` of params.yaml."""

from typing import Self

from pydantic import Field, model_validator

from pgan.config import Section

MOST_PIXELS = 2**27
"""Of one picture: 128 megapixels, which a viewer can just bear."""
MOST_FILM_PIXELS = 2**28
"""Of all frames of a film together: they are in memory at once."""


class Interpolation(Section):
    """interpolation.gif: each walker goes around its own closed loop of random latents."""

    latents: int = Field(ge=2, le=100)
    """Random latents that each walker visits before it is back where it began."""
    frames_between: int = Field(ge=1, le=200)
    """Frames from one latent to the next; the GIF has latents × frames_between frames."""
    walkers: int = Field(ge=1, le=1024)
    """Independent walks, shown side by side in `columns` columns."""


class Transitions(Section):
    """transitions.png: rows of images from one latent to another, of the nearest pairs and of the farthest."""

    latents: int = Field(ge=4, le=1024)
    """Random latents from which the pairs are chosen; the more, the nearer the nearest."""
    pairs: int = Field(ge=1, le=64)
    """Nearest pairs, and as many farthest, a row each."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if 2 * self.pairs > self.latents:
            raise ValueError(
                f"{self.pairs} pairs need {2 * self.pairs} latents, found {self.latents}; raise latents, or lower pairs"
            )
        return self


class Curves(Section):
    """losses.png and metrics.png."""

    smoothing: float = Field(ge=0, le=0.5)
    """Standard deviation of the Gaussian that smooths the losses, as a fraction of the horizontal axis; 0 for none."""
    dpi: int = Field(ge=30, le=600)
    """Pixels per inch; a figure is 10 × 6 inches."""


class Colors(Section):
    """Colours of the losses: names that matplotlib knows, or '#rrggbb'."""

    generator_loss: str
    """−mean D(fake) in WGAN-GP."""
    gradient_penalty: str
    """The penalty term, weighted as in the loss."""
    critic_fake: str
    """The critic on generated images."""
    critic_real: str
    """The critic on real images."""


class Render(Section):
    """Everything that `pgan render` draws."""

    rows: int = Field(ge=1, le=64)
    """Rows of images in a grid."""
    columns: int = Field(ge=1, le=64)
    """Columns of images in a grid, at most one per class of a conditional generator: each column shows one class."""
    tile: int = Field(ge=4, le=1024)
    """Wanted edge of one image in pixels. Smaller images are enlarged by a whole factor (nearest neighbour) to at most
    this; larger ones are halved until they fit in animations, and left as they are in samples.png, real_vs_fake.png."""
    frames_per_phase: int = Field(ge=1, le=1000)
    """Most snapshots of each phase that its GIF and progress.gif show."""
    frame_ms: int = Field(ge=20, le=10_000, multiple_of=10)
    """Time that a frame of any GIF is shown, in milliseconds; GIF knows only multiples of 10."""
    hold_ms: int = Field(ge=20, le=60_000, multiple_of=10)
    """Time that the last frame of progress.gif and of the phases' GIFs is shown, in milliseconds."""
    interpolation: Interpolation
    transitions: Transitions
    curves: Curves
    colors: Colors

    @model_validator(mode="after")
    def _bearable(self) -> Self:
        walk, picture = self.interpolation, self.rows * self.columns * self.tile**2
        if picture > MOST_PIXELS:
            raise ValueError(
                f"rows × columns × tile² = {picture:,} pixels exceed the limit of {MOST_PIXELS:,}; lower one"
            )
        if picture * self.frames_per_phase > MOST_FILM_PIXELS:
            what = f"frames_per_phase pictures of {picture:,} pixels exceed {MOST_FILM_PIXELS:,} pixels"
            raise ValueError(f"{what}; lower frames_per_phase, rows, columns or tile")
        if 2 * self.transitions.pairs * self.columns * self.tile**2 > MOST_PIXELS:
            what = f"transitions: 2 × pairs × columns images exceed the limit of {MOST_PIXELS:,} pixels"
            raise ValueError(f"{what}; lower pairs, columns or tile")
        if walk.latents * walk.frames_between * walk.walkers * self.tile**2 > MOST_FILM_PIXELS:
            what = f"interpolation: the frames exceed {MOST_FILM_PIXELS:,} pixels"
            raise ValueError(f"{what}; lower latents, frames_between, walkers or tile")
        return self
