"""Decisions about networks and training, but for the length of the phases."""

from math import sqrt

from pgan.errors import InputError
from pgan.new_experiment.budget import Plan
from pgan.new_experiment.decision import Decision, chosen
from pgan.new_experiment.findings import FEWEST_FOR_MIRRORS, Findings
from pgan.new_experiment.pace import Pace
from pgan.new_experiment.phases_section import rounded_down
from pgan.new_experiment.prepare_section import Kept
from pgan.new_experiment.wishes import Wishes

TELLING = 0.6
"""Images are not mirrored where a classifier separates them from their mirror images with at least this accuracy. Where
it does not, lines of text may be too small for it."""
CERTAIN = 2.0
"""The accuracy must exceed chance by this many standard errors."""
FEW_IMAGES = 5000
"""Images below which the critic learns them by heart before the generator is good: DiffAugment's paper gains from 10 %
of CIFAR-10 (5,000 images) on downwards."""
FEWEST_NOT_COPIED = 500
"""Images below which samples are mostly copies."""
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
    """So that the first layers have the full width (`full_width_up_to`), and each later one half as much."""
    return (16 if width >= 512 else 8) * width


def full_width_up_to(width: int, base: int) -> int:
    """Pixels per side: from base 4 on 16, and 32 for the paper's width."""
    return base * fmap_base(width) // (2 * width)


def classes(left: Kept, wishes: Wishes) -> Decision:
    """Labels of the generator."""
    key, counts = "networks.classes", left.class_counts
    if not counts and wishes.conditional:
        raise InputError("--conditional: there are no classes; put the images of each class into a folder of its own")
    if not counts:
        return Decision(key, 0, "no labels", is_plain=True)
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
    may = may_be_mirrored(found)
    if may is None:
        few = f"fewer than {FEWEST_FOR_MIRRORS} images cannot tell; --mirror for photographs"
        return Decision(key, False, "there may be text; --mirror if there is none" if found.is_drawn else few)
    assert found.asymmetry is not None
    verb = "can hardly tell" if may else "tells"
    right = f"{found.asymmetry.accuracy:.0%} right; chance: 50%"
    return Decision(key, may, f"a classifier {verb} images from their mirror images ({right})")


def may_be_mirrored(found: Findings) -> bool | None:
    """What the mirror test says; None where only a person can."""
    test = found.asymmetry
    if test is not None and test.accuracy >= TELLING and test.accuracy - 0.5 > CERTAIN * test.error:
        return False
    return None if test is None or found.is_drawn else True


def augmentation(left: Kept, wishes: Wishes) -> Decision:
    """DiffAugment for small data sets."""
    augment = left.count < FEW_IMAGES if wishes.augment is None else wishes.augment
    value = ["color", "translation", "cutout"] if augment else []
    if wishes.augment is not None:
        return Decision("training.diff_augment", value, f"as --{'' if augment else 'no-'}augment says")
    if not augment:
        return Decision("training.diff_augment", value, f"not needed with {FEW_IMAGES:,} images or more")
    reason = f"fewer than {FEW_IMAGES:,} images: a critic would learn them by heart"
    if left.count < FEWEST_NOT_COPIED:
        reason = "with so few images, expect copies all the same: look at nearest.png, and add images if you can"
    return Decision("training.diff_augment", value, reason)


def network_decisions(found: Findings, left: Kept, planned: Plan, channels: int, wishes: Wishes) -> list[Decision]:
    """The section `networks`."""
    width, base = planned.width, planned.size.base
    full = full_width_up_to(width, base)
    return [
        Decision("networks.base_size", base, "= prepare.base"),
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
            "networks.fmap_base",
            fmap_base(width),
            f"{width} feature maps up to {full}×{full}, then half as many at each doubling",
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


def step_decisions(pace: Pace, planned: Plan, wishes: Wishes) -> list[Decision]:
    """Batch and learning rate. They are no lines of the file, but stand in every phase."""
    levels = planned.size.levels
    phases = [pace.phase(planned.width, level) for level in levels]
    batches, parts = [phase.batch for phase in phases], max(phase.accumulate for phase in phases)
    is_usual = batches == [pace.usual_batch(level) for level in levels]
    reason = "this project's for CPUs" if not pace.device.startswith("cuda") else "the official settings for one GPU"
    if wishes.batch is not None:
        reason = "as --batch says" + (f", in up to {parts} parts that fit into memory" if parts > 1 else "")
    elif not is_usual:
        reason = f"as many as fit into memory; {reason}: {pace.usual_batch(levels[-1])}"
    least, most = min(batches), max(batches)
    return [
        Decision("batch", least if least == most else f"{most} to {least}", reason),
        chosen("lr", wishes.lr, "--lr", LR, "Adam's learning rate in the paper"),
    ]


def columns_of_grid(samples: int) -> tuple[int, int]:
    """Rows and columns that show nearly all samples, a little wider than high."""
    rows = max(2, int(sqrt(samples * 0.6)))
    return rows, samples // rows
