"""What training, metrics and pictures know of a network, whatever its architecture."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from pgan.networks.config import Networks

# The fade: 0 shows the previous resolution only, 1 the new one only.  A tensor while growing, so that nothing that was
# compiled or captured depends on its value; the float 1.0 leaves the fade out altogether.
Alpha = float | Tensor


class Network(nn.Module, ABC):
    """A generator or a critic."""

    def __init__(self, config: Networks, resolution: int) -> None:
        super().__init__()
        self.config = config
        self.resolutions = config.resolutions(resolution)

    @property
    def resolution(self) -> int:
        """Pixels per side of its images."""
        return self.resolutions[-1]

    @abstractmethod
    def initialize(self, seed: int) -> None:
        """Draw the weights, as a pure function of the seed."""


class Generator(Network):
    """Latents (N, latent_size) and labels (N,) -> images (N, channels, resolution, resolution), about [-1, 1]."""

    @property
    def channels(self) -> int:
        """1 grey, 3 RGB."""
        return self.config.channels

    @property
    def latent_size(self) -> int:
        """Dimensions of a latent."""
        return self.config.latent_dimensions

    @property
    def classes(self) -> int:
        """Number of labels; 0 means unconditional."""
        return self.config.classes

    @abstractmethod
    def forward(self, latents: Tensor, labels: Tensor | None = None, alpha: Alpha = 1.0) -> Tensor:
        """The images; `alpha` has an effect only in networks that grow."""


class Critic(Network):
    """Images (N, channels, resolution, resolution) -> scores (N,) and label logits (N, classes).

    A critic without labels, or one that is conditioned on them, gives no logits: (N, 0).
    """

    def conditioned_on(self, labels: Tensor) -> "Critic":
        """This critic for images of these labels, (N,); critics that take no labels return themselves."""
        return self

    @abstractmethod
    def forward(self, images: Tensor, alpha: Alpha = 1.0, sets: int = 1) -> tuple[Tensor, Tensor]:
        """Scores and logits; `alpha` has an effect only in networks that grow.

        The images may be several sets, one after the other: samples are compared only within their own set.
        """


def check_labels(labels: Tensor | None) -> Tensor:
    """The labels that a conditional network needs. Raises ValueError when there are none."""
    if labels is None:
        raise ValueError("a conditional network needs labels")
    return labels
