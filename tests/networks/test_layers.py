"""Layers: each against its definition, and the faults that other implementations have."""

import math

import pytest
import torch
import torch.nn.functional as F

from pgan.networks.layers import BatchNorm, leaky_relu, minibatch_stddev, pixel_norm, upsample
from pgan.networks.progressive.layers import (
    Conv,
    Dense,
    DenseToMap,
    DownConv,
    LayerNorm,
    MinibatchDiscrimination,
    UpConv,
)


def fresh(layer, seed=0):
    layer.initialize(torch.Generator().manual_seed(seed))
    torch.nn.init.normal_(layer.bias)
    return layer.double()


def test_equalized_lr_scales_weight_but_not_bias():
    layer = fresh(Conv(5, 7, 3, equalized=True))
    x = torch.randn(2, 5, 6, 6, dtype=torch.float64)
    expected = F.conv2d(x, layer.weight * math.sqrt(2 / (5 * 9)), layer.bias, padding=1)
    assert torch.allclose(layer(x), expected)
    assert 0.8 < layer.weight.std() < 1.2, "drawn from N(0, 1), scaled at run time"


def test_without_equalized_lr_the_function_at_the_start_is_the_same():
    with_scale, without = fresh(Conv(5, 7, 3, equalized=True)), fresh(Conv(5, 7, 3, equalized=False))
    without.bias.data = with_scale.bias.data
    x = torch.randn(2, 5, 6, 6, dtype=torch.float64)
    assert torch.allclose(with_scale(x), without(x), atol=1e-6)
    assert without.scale == 1.0


@pytest.mark.parametrize(("layer", "gain"), [(Dense(6, 4, True, gain=1.0), 1.0), (Dense(6, 4, True), math.sqrt(2))])
def test_dense_gain(layer, gain):
    assert layer.scale == pytest.approx(gain / math.sqrt(6))


def test_first_layer_has_the_gain_of_the_original_code_and_one_bias_per_channel():
    layer = DenseToMap(16, 8, 4, equalized=True)
    assert layer.scale == pytest.approx(math.sqrt(2) / 4 / math.sqrt(16))
    assert layer.bias.shape == (8,)
    assert layer(torch.zeros(3, 16)).shape == (3, 8, 4, 4)


def test_fused_upconv_is_the_same_function():
    plain, fused = (fresh(UpConv(5, 3, True, fused=f)) for f in (False, True))
    fused.load_state_dict(plain.state_dict())
    x = torch.randn(2, 5, 4, 4, dtype=torch.float64)
    assert torch.allclose(plain(x), fused(x), atol=1e-12)
    assert torch.allclose(plain(x), F.conv2d(upsample(x), plain.scaled_weight(), plain.bias, padding=1))


def test_fused_downconv_is_convolution_then_mean():
    layer = fresh(DownConv(5, 3, True))
    x = torch.randn(2, 5, 8, 8, dtype=torch.float64)
    expected = F.avg_pool2d(F.conv2d(x, layer.scaled_weight(), None, padding=1), 2) + layer.bias.view(1, -1, 1, 1)
    assert torch.allclose(layer(x), expected, atol=1e-12)


def test_pixel_norm_makes_unit_mean_square():
    x = torch.randn(3, 16, 5, 5) * 7
    assert torch.allclose(pixel_norm(x).square().mean(1), torch.ones(3, 5, 5), atol=1e-5)


def test_batch_norm_normalises_by_the_batch_and_evaluates_by_the_running_averages():
    norm = BatchNorm(3).double()
    assert all(value.is_floating_point() for value in norm.state_dict().values())
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(4, 3, 5, 5, dtype=torch.float64) * 7 + 2
    scale, shift = norm.weight.view(3, 1, 1), norm.bias.view(3, 1, 1)
    mean, variance = (statistic.view(3, 1, 1) for statistic in (x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)))
    assert torch.allclose(norm(x), (x - mean) / (variance + 1e-5).sqrt() * scale + shift)
    assert torch.allclose(norm.mean, 0.1 * x.mean((0, 2, 3)))
    assert torch.allclose(norm.variance, 0.9 + 0.1 * x.var((0, 2, 3)))
    running = (x - norm.mean.view(3, 1, 1)) / (norm.variance.view(3, 1, 1) + 1e-5).sqrt() * scale + shift
    assert torch.allclose(norm.eval()(x), running)


def test_layer_norm_is_of_each_sample_alone():
    norm = LayerNorm(3).double()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(4, 3, 5, 5, dtype=torch.float64) * 7 + 2
    for one, found in zip(x, norm(x), strict=True):
        normal = (one - one.mean()) / (one.var(correction=0) + 1e-5).sqrt()
        assert torch.allclose(found, normal * norm.weight.view(3, 1, 1) + norm.bias.view(3, 1, 1))
    assert norm(x[:, :, 0, 0]).shape == (4, 3)


def test_minibatch_discrimination_is_the_paper_s_sum():
    layer = fresh(MinibatchDiscrimination(6, 4, equalized=False))
    x = torch.randn(5, 6, dtype=torch.float64)
    out = layer(x)
    assert torch.equal(out[:, :6], x)
    m = (x @ layer.weight.T).view(5, 4, 5)
    for i in range(5):
        for kernel in range(4):
            near = sum((-(m[i, kernel] - m[j, kernel]).abs().sum()).exp() for j in range(5))
            assert out[i, 6 + kernel].item() == pytest.approx((near + layer.bias[kernel]).item())


def test_minibatch_stddev_is_one_scalar_per_strided_group():
    x = torch.randn(6, 4, 3, 3, dtype=torch.float64)
    out = minibatch_stddev(x, 3)
    assert out.shape == (6, 5, 3, 3)
    for i in range(2):  # sample i is grouped with i + N/group, i + 2N/group
        members = x[[i, i + 2, i + 4]]
        expected = (members.var(0, correction=0) + 1e-8).sqrt().mean()
        assert torch.allclose(out[[i, i + 2, i + 4], 4], expected.expand(3, 3, 3), atol=1e-12)


def test_minibatch_stddev_of_a_batch_smaller_than_the_group():
    assert minibatch_stddev(torch.randn(2, 4, 3, 3), 4).shape == (2, 5, 3, 3)


@pytest.mark.parametrize("count", [2, 4, 8])
def test_minibatch_stddev_never_groups_samples_of_two_sets(count):
    sets = [torch.randn(count, 4, 3, 3) * scale for scale in (1, 10, 100)]
    apart = torch.cat([minibatch_stddev(x, 4) for x in sets])
    torch.testing.assert_close(minibatch_stddev(torch.cat(sets), 4, sets=3), apart)


def test_minibatch_stddev_of_half_precision_is_computed_in_single():
    x = (1 + torch.randn(4, 8, 3, 3) / 100).bfloat16()
    expected = minibatch_stddev(x.float(), 4)[:, -1].bfloat16()
    assert torch.equal(minibatch_stddev(x, 4)[:, -1], expected)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_leaky_relu_in_place_has_the_very_gradients_of_a_new_tensor(slope):
    layer, x = fresh(Conv(3, 5, 3, equalized=True)), torch.randn(2, 3, 6, 6, dtype=torch.float64, requires_grad=True)
    found = []
    for activated in (leaky_relu, F.leaky_relu):
        y = activated(layer(x), slope)
        (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        found.append([y, first, *torch.autograd.grad(first.square().sum(), [x, layer.weight])])
    for mine, expected in zip(*found, strict=True):
        assert torch.equal(mine, expected)


def test_a_convolution_and_its_activation_keep_one_map_beside_their_input():
    layer, x, kept = fresh(Conv(3, 5, 3, equalized=True)), torch.randn(2, 3, 6, 6, dtype=torch.float64), {}

    def keep(tensor):
        if tensor.dim() == 4 and tensor.shape[-1] == 6:
            kept[tensor.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = leaky_relu(layer(x), 0.2)
        layer_after = Conv(5, 4, 3, equalized=True).double()
        layer_after(y)
    assert kept.keys() == {x.data_ptr(), y.data_ptr()}
