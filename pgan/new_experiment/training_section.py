"""Decisions about networks and training, but for the length of the phases."""

from math import sqrt

from pgan.new_experiment.budget import Plan
from pgan.new_experiment.decision import Decision, chosen
from pgan.new_experiment.findings import FEWEST_FOR_MIRRORS, Findings
from pgan.new_experiment.phases_section import rounded_down
from pgan.new_experiment.prepare_section import Kept
from pgan.new_experiment.wishes import Wishes

TELLING = 0.6
"""Images are not mirrored where a classifier separates them from their mirror images with at least this accuracy."""
CERTAIN = 2.0
"""The accuracy must exceed chance by this many standard errors."""
FEW_IMAGES = 5000
"""Images below which the critic learns them by heart before the generator is good: DiffAugment's paper gains from 10 %
of CIFAR-10 (5,000 images) on downwards."""
FEWEST_OF_A_CLASS = 50
"""Images of each class without which a generator is not trained to draw classes."""
MOST_CLASSES = 1000
"""Of a conditional generator."""
LR = 0.001
"""The paper's, at all resolutions but the last."""
EMA_OF_FADE = 8
"""The shortest fade lasts this many half-lives of the average, which must not still hold weights from before."""
LONGEST_EMA = 10.0
"""Thousands of images; the half-life that the paper's authors use."""
ROWS_OF_LOSSES = 400
"""Lines of losses.csv, all phases together."""
PICTURES = {128: 64, 256: 32, 512: 16}
"""Fixed latents whose pictures are kept, by the largest resolution that it is for."""
FEWEST_PICTURES = 8


def latent_size(width: int, wishes: Wishes) -> int:
    """Dimensions of the latent for networks of a width."""
    return wishes.latent or min(512, 2 * width)


def fmap_base(width: int) -> int:
    """So that layers up to 16×16 have the full width, and those above half as much at each doubling; the paper: 32."""
    return 16 * width if width >= 512 else 8 * width


def classes(left: Kept, wishes: Wishes) -> Decision:
    """Labels of the generator."""
    key, counts = "networks.classes", left.class_counts
    if not counts:
        return Decision(key, 0, "no labels")
    fewest = min(counts, key=lambda name: counts[name])
    enough = counts[fewest] >= FEWEST_OF_A_CLASS and len(counts) <= MOST_CLASSES
    if wishes.conditional is not None:
        option = "--conditional" if wishes.conditional else "--no-conditional"
        return Decision(key, len(counts) * wishes.conditional, f"as {option} says")
    if enough:
        return Decision(key, len(counts), f"AC-GAN: each class has {counts[fewest]:,} images or more")
    reason = f"{fewest} has {counts[fewest]:,}" if counts[fewest] < FEWEST_OF_A_CLASS else f"{len(counts):,} classes"
    return Decision(key, 0, f"without: {reason}; --conditional draws by class")


def mirror(found: Findings, wishes: Wishes) -> Decision:
    """Whether real images are flipped."""
    key = "training.mirror"
    if wishes.mirror is not None:
        return Decision(key, wishes.mirror, f"as --{'' if wishes.mirror else 'no-'}mirror says")
    test = found.asymmetry
    if test is None:
        return Decision(key, False, f"fewer than {FEWEST_FOR_MIRRORS} images cannot tell; --mirror for photographs")
    found_out = f"a classifier finds the original beside its mirror image in {test.accuracy:.0%} (chance: 50%)"
    is_asymmetric = test.accuracy >= TELLING and test.accuracy - 0.5 > CERTAIN * test.error
    return Decision(key, not is_asymmetric, found_out)


def augmentation(left: Kept, wishes: Wishes) -> Decision:
    """DiffAugment for small data sets."""
    augment = left.count < FEW_IMAGES if wishes.augment is None else wishes.augment
    value = ["color", "translation", "cutout"] if augment else []
    if wishes.augment is not None:
        return Decision("training.diff_augment", value, f"as --{'' if augment else 'no-'}augment says")
    compared = "fewer than" if augment else "no fewer than"
    reason = f"{compared} {FEW_IMAGES:,} images: {'a critic would learn them by heart' if augment else 'not needed'}"
    return Decision("training.diff_augment", value, reason)


def network_decisions(found: Findings, left: Kept, planned: Plan, channels: int, wishes: Wishes) -> list[Decision]:
    """The section `networks`."""
    width = planned.width
    return [
        Decision("networks.base_size", planned.size.base, "= prepare.base"),
        Decision("networks.channels", channels, "= prepare.channels"),
        classes(left, wishes),
        chosen(
            "networks.latent_size",
            wishes.latent,
            "--latent",
            latent_size(width, wishes),
            "twice the width, 512 at most",
        ),
        Decision(
            "networks.fmap_base", fmap_base(width), f"{width} feature maps up to 16×16, half as many at each doubling"
        ),
        Decision("networks.fmap_max", width, planned.why_width),
    ]


def training_decisions(found: Findings, left: Kept, planned: Plan, wishes: Wishes) -> list[Decision]:
    """The section `training`."""
    kimg, resolution = planned.kimg, planned.size.resolution
    fade = min(length for name, length in kimg.items() if name.startswith("grow_"))
    total = sum(kimg.values())
    samples = next((n for size, n in PICTURES.items() if resolution <= size), FEWEST_PICTURES)
    half_life = min(LONGEST_EMA, rounded_down(fade / EMA_OF_FADE))
    every = rounded_down(total / ROWS_OF_LOSSES)
    return [
        Decision("training.ema_half_life_kimg", half_life, f"an eighth of the shortest fade, {LONGEST_EMA:g} at most"),
        mirror(found, wishes),
        augmentation(left, wishes),
        Decision("training.samples", samples, "fixed latents whose images are kept through all phases"),
        Decision("training.log_every_kimg", max(0.001, every), f"about {ROWS_OF_LOSSES} rows of losses.csv"),
    ]


def lr(wishes: Wishes) -> float:
    """Adam's learning rate of all phases."""
    return wishes.lr or LR


def columns_of_grid(samples: int) -> tuple[int, int]:
    """Rows and columns that show nearly all samples, a little wider than high."""
    rows = max(2, int(sqrt(samples * 0.6)))
    return rows, samples // rows
