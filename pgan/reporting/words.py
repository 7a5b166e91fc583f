"""What a report says in plain words: of each value that was measured, and of where images come from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Of one value."""

    name: str
    meaning: str
    """A sentence or two; `{percent}` stands for the value, where it is a share, and `{value}` for any other."""
    is_share: bool = False
    """Whether it is between 0 and 1, and best read as a percentage."""


WORDS = {
    "frechet": Words(
        "Fréchet distance",
        "How far all generated images together are from the real ones, measured on features that a network sees. "
        "0 means the same average and the same spread.",
    ),
    "frechet_target": Words(
        "Fréchet distance at the target size",
        "The Fréchet distance after scaling to one size for all phases. It is the value to compare phases by.",
    ),
    "kid": Words(
        "Kernel inception distance",
        "Another distance between all generated and all real images. It needs fewer images, and is about 0 for a "
        "perfect generator.",
    ),
    "precision": Words(
        "Precision",
        "{percent} of the generated images look real: they lie among the real ones in the feature space.",
        is_share=True,
    ),
    "recall": Words(
        "Recall",
        "{percent} of the real images are of a kind that the generator draws, too. A low value means that it leaves "
        "kinds of images out.",
        is_share=True,
    ),
    "density": Words(
        "Density",
        "How many real images a generated one lies among. 1 is what new real images would reach.",
    ),
    "coverage": Words(
        "Coverage",
        "{percent} of the real images have a generated one close by. A low value means little variety.",
        is_share=True,
    ),
    "copying": Words(
        "Copying",
        "In {percent} of all pairs of a generated image and a new real one, the generated one is nearer to a training "
        "image. New images have 50%, copies 100%. Below 50%, images are unlike the data.",
        is_share=True,
    ),
    "near_copies": Words(
        "Near copies",
        "{percent} of the generated images lie so near to a training image that they may be copies of it. For new real "
        "images it would be 1%.",
        is_share=True,
    ),
    "inception_score": Words(
        "Inception score",
        "Rises where each image is clearly of one class, and all classes occur. Real images are not compared.",
    ),
    "label_accuracy": Words(
        "Label accuracy",
        "{percent} of the images are recognised as the class that was asked for.",
        is_share=True,
    ),
    "class_kl": Words(
        "Divergence of the classes",
        "How far the shares of the generated classes are from the data's. 0 means the same shares.",
    ),
    "modes": Words("Modes", "Of the 1000 combinations of three digits, {value} were generated."),
    "attribute_values": Words(
        "Attribute values",
        "{percent} of the values that the drawn attributes have in as many real images are generated, too.",
        is_share=True,
    ),
    "attribute_pairs": Words(
        "Pairs of attribute values",
        "{percent} of the pairs of values that occur in as many real images are generated, too.",
        is_share=True,
    ),
    "swd": Words(
        "Sliced Wasserstein distance ×10³",
        "How far small patches of generated images are from patches of real ones, on all scales. Do textures and edges "
        "look right?",
    ),
    "ms_ssim": Words(
        "Similarity of pairs (MS-SSIM)",
        "How alike two generated images are. Far above the value for real images, there is too little variety.",
    ),
    "ms_ssim_real": Words("Similarity of real pairs (MS-SSIM)", "The same of two real images, for comparison."),
}
"""By the name in metrics.json."""

HEADLINES = (
    *("frechet", "precision", "recall", "coverage", "near_copies", "label_accuracy", "modes"),
    *("attribute_pairs", "kid", "swd"),
)
"""Values that a report begins with, the most telling first."""
MOST_HEADLINES = 6

SOURCES = {
    "digits": ("Handwritten digits", "handwritten digits from scikit-learn"),
    "avatars": ("Drawn figures", "figures drawn by DiceBear"),
    "idx": ("", "images from an IDX file"),
    "folder": ("", "images from a folder"),
    "zip": ("", "images from a zip archive"),
    "tar": ("", "images from a tar archive"),
    "cifar10": ("CIFAR-10", "photographs from CIFAR-10"),
    "mnist-rgb": ("Stacked MNIST", "images of three MNIST digits each"),
}
"""By `prepare.source`: a title, and what the images are. Where the title is empty, the path gives it."""


EMBEDDED = ("digits", "avatars")
"""Sources that need no files."""
NETWORKS = {"progressive": "A progressively grown GAN", "dcgan": "A DCGAN"}
"""By `networks.architecture`; any other is a GAN."""


def percent(share: float) -> str:
    """A share as a percentage, with a digit after the point only below 10%."""
    return f"{100 * share:.1f}%" if share < 0.0995 and share > 0 else f"{100 * share:.0f}%"


def meaning(name: str, value: float) -> str:
    """What a value says, in words."""
    return WORDS[name].meaning.format(percent=percent(value), value=f"{value:.4g}")
