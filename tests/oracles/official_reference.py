"""The official networks and their losses once more, written from their definition and independently of pgan.

Functions of official variables as numpy arrays, in the official layouts, at full image size whatever the level of
detail: what `../shared/fixtures` holds results of, for every option.  Plain and slow: an oracle for tests.
"""

import io
import pickle
import sys
import types

import numpy as np
import torch
import torch.nn.functional as F

G_OPTIONS = {
    "num_channels": 1,
    "resolution": 16,
    "label_size": 0,
    "fmap_base": 64,
    "fmap_decay": 1.0,
    "fmap_max": 16,
    "latent_size": None,
    "normalize_latents": True,
    "use_wscale": True,
    "use_pixelnorm": True,
    "use_leakyrelu": True,
    "fused_scale": True,
}
D_OPTIONS = {
    key: G_OPTIONS[key]
    for key in ("num_channels", "resolution", "label_size", "fmap_base", "fmap_decay", "fmap_max", "use_wscale")
} | {"mbstd_group_size": 4, "fused_scale": True}


def width(o, stage):
    return min(int(o["fmap_base"] / 2.0 ** (stage * o["fmap_decay"])), o["fmap_max"])


def variables(role, o, seed):
    """Random variables of a network: {name: float32 array}, in the order in which the official code makes them."""
    shapes, top = {}, int(np.log2(o["resolution"]))
    levels = range(2, top + 1) if role != "D" else range(top, 1, -1)
    for level in levels:
        r, nf, below = 2**level, width(o, level - 1), width(o, level - 2)
        if role == "D":
            shapes[f"FromRGB_lod{top - level}"] = (1, 1, o["num_channels"], nf), nf
            if level > 2:
                shapes[f"{r}x{r}/Conv0"] = (3, 3, nf, nf), nf
                shapes[f"{r}x{r}/Conv1{'_down' * o['fused_scale']}"] = (3, 3, nf, below), below
            else:
                shapes["4x4/Conv"] = (3, 3, nf + (o["mbstd_group_size"] > 1), nf), nf
                shapes["4x4/Dense0"] = (nf * 16, below), below
                shapes["4x4/Dense1"] = (below, 1 + o["label_size"]), 1 + o["label_size"]
        else:
            if level == 2:
                latent = o["latent_size"] or width(o, 0)
                shapes["4x4/Dense"] = (latent + o["label_size"], nf * 16), nf
                shapes["4x4/Conv"] = (3, 3, nf, nf), nf
            else:
                fused = o["fused_scale"]
                shapes[f"{r}x{r}/Conv0{'_up' * fused}"] = (3, 3, nf, below) if fused else (3, 3, below, nf), nf
                shapes[f"{r}x{r}/Conv1"] = (3, 3, nf, nf), nf
            shapes[f"ToRGB_lod{top - level}"] = (1, 1, nf, o["num_channels"]), o["num_channels"]
    random = np.random.default_rng(seed)
    found = {}
    for name, (weight, bias) in shapes.items():
        std = 1.0 if o["use_wscale"] else he(name, weight)
        found[f"{name}/weight"] = (random.normal(size=weight) * std).astype(np.float32)
        found[f"{name}/bias"] = (random.normal(size=bias) * 0.1).astype(np.float32)
    return found


def he(name, shape):
    fan_in = np.prod(shape[:2]) * shape[3] if name.endswith("Conv0_up") else np.prod(shape[:-1])
    gain = 1.0 if "ToRGB" in name or "Dense1" in name else np.sqrt(2) / (4 if name == "4x4/Dense" else 1)
    return gain / np.sqrt(fan_in)


class Graph:
    """A network over its variables as tensors that take gradients."""

    def __init__(self, role, o, values, dtype=torch.float32):
        self.role, self.o = role, o
        self.v = {name: torch.tensor(value, dtype=dtype, requires_grad=True) for name, value in values.items()}
        self.top = int(np.log2(o["resolution"]))

    def weight(self, layer):
        w = self.v[f"{layer}/weight"]
        return w * he(layer, w.shape) if self.o["use_wscale"] else w

    def bias(self, x, layer):
        return x + self.v[f"{layer}/bias"].reshape((1, -1) + (1,) * (x.ndim - 2))

    def conv(self, x, layer):
        w = self.weight(layer).permute(3, 2, 0, 1)
        return self.bias(F.conv2d(x, w, padding=w.shape[2] // 2), layer)

    def act(self, x):
        return torch.maximum(x * 0.2, x) if self.o.get("use_leakyrelu", True) else x.relu()

    def block_input(self, images, lod):
        return F.avg_pool2d(images, 2**lod) if lod else images

    def generate(self, latents, labels, lod):
        """(N, latent) and one-hot (N, labels) -> images at full size."""
        o = self.o
        norm = lambda x: x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)  # noqa: E731
        pn = norm if o["use_pixelnorm"] else lambda x: x
        x = torch.cat([latents, labels], 1)
        x = norm(x) if o["normalize_latents"] else x
        x = (x @ self.weight("4x4/Dense")).reshape(len(x), -1, 4, 4)
        x = pn(self.act(self.bias(x, "4x4/Dense")))
        x = pn(self.act(self.conv(x, "4x4/Conv")))
        out = self.conv(x, f"ToRGB_lod{self.top - 2}")
        for level in range(3, self.top + 1):
            r, at = 2**level, self.top - level
            if o["fused_scale"]:
                w = F.pad(self.weight(f"{r}x{r}/Conv0_up").permute(3, 2, 0, 1), (1, 1, 1, 1))  # (I, O, 5, 5)
                w = w[:, :, 1:, 1:] + w[:, :, :-1, 1:] + w[:, :, 1:, :-1] + w[:, :, :-1, :-1]
                x = self.bias(F.conv_transpose2d(x, w, stride=2, padding=1), f"{r}x{r}/Conv0_up")
            else:
                x = self.conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3), f"{r}x{r}/Conv0")
            x = pn(self.act(x))
            x = pn(self.act(self.conv(x, f"{r}x{r}/Conv1")))
            image = self.conv(x, f"ToRGB_lod{at}")
            coarse = out.repeat_interleave(2, 2).repeat_interleave(2, 3)
            out = image + (coarse - image) * min(max(lod - at, 0.0), 1.0)
        return out

    def judge(self, images, lod):
        """Full-size images -> scores (N, 1) and label logits."""
        o = self.o
        image = images
        x = self.leaky(self.conv(images, "FromRGB_lod0"))
        for level in range(self.top, 2, -1):
            r, at = 2**level, self.top - level
            x = self.leaky(self.conv(x, f"{r}x{r}/Conv0"))
            if o["fused_scale"]:
                w = F.pad(self.weight(f"{r}x{r}/Conv1_down").permute(3, 2, 0, 1), (1, 1, 1, 1))
                w = (w[:, :, 1:, 1:] + w[:, :, :-1, 1:] + w[:, :, 1:, :-1] + w[:, :, :-1, :-1]) / 4
                x = self.leaky(self.bias(F.conv2d(x, w, stride=2, padding=1), f"{r}x{r}/Conv1_down"))
            else:
                x = F.avg_pool2d(self.leaky(self.conv(x, f"{r}x{r}/Conv1")), 2)
            image = F.avg_pool2d(image, 2)
            y = self.leaky(self.conv(image, f"FromRGB_lod{at + 1}"))
            x = x + (y - x) * min(max(lod - at, 0.0), 1.0)
        if o["mbstd_group_size"] > 1:
            g = min(o["mbstd_group_size"], len(x))
            y = x.reshape(g, -1, *x.shape[1:])
            y = ((y - y.mean(0)).square().mean(0) + 1e-8).sqrt().mean((1, 2, 3))
            x = torch.cat([x, torch.cat([y] * g).reshape(-1, 1, 1, 1) * torch.ones_like(x[:, :1])], 1)
        x = self.leaky(self.conv(x, "4x4/Conv"))
        x = self.leaky(self.bias(x.flatten(1) @ self.weight("4x4/Dense0"), "4x4/Dense0"))
        x = self.bias(x @ self.weight("4x4/Dense1"), "4x4/Dense1")
        return x[:, :1], x[:, 1:]

    @staticmethod
    def leaky(x):
        """The official critic is leaky whatever the generator is."""
        return torch.maximum(x * 0.2, x)


def fixture(options_g, options_d, values, batch=8, loss_lod=0.5, seed=0):
    """What the official code computes with networks, as the fixtures in ../shared hold it: {name: array}."""
    graphs = {role: Graph(role, o, values[role]) for role, o in (("G", options_g), ("D", options_d), ("Gs", options_g))}
    g, d, gs = graphs.values()
    random = np.random.default_rng(seed)
    latents = random.normal(size=(batch, options_g["latent_size"] or width(options_g, 0))).astype(np.float32)
    labels = np.zeros((batch, options_g["label_size"]), np.float32)
    if options_g["label_size"]:
        labels[np.arange(batch), random.integers(0, options_g["label_size"], batch)] = 1
    size = (batch, options_g["num_channels"], options_g["resolution"], options_g["resolution"])
    reals = random.uniform(-1, 1, size).astype(np.float32)
    mix = random.uniform(size=(batch, 1, 1, 1)).astype(np.float32)
    lods = np.array([k + f for k in range(g.top - 2) for f in (0, 0.25, 0.5)] + [g.top - 2], np.float32)
    out = {"latents": latents, "labels": labels, "reals": reals, "mix": mix, "lods": lods}
    z, y, x, u = (torch.from_numpy(array) for array in (latents, labels, reals, mix))
    with torch.no_grad():
        for i, lod in enumerate(lods.tolist()):
            out[f"G_lod{i}"], out[f"Gs_lod{i}"] = (n.generate(z, y, lod).numpy() for n in (g, gs))
            out[f"D_scores_lod{i}"], out[f"D_labels_lod{i}"] = (a.numpy() for a in d.judge(x, lod))
    out["loss_lod"] = np.float32(loss_lod)
    terms, loss = critic_loss(g, d, z, y, x, u, loss_lod)
    out |= {f"loss_{name}": term.detach().numpy() for name, term in terms.items()}
    out["D_loss"] = loss.detach().numpy()
    out |= gradients("D", d, loss)
    scores, logits = d.judge(g.generate(z, y, loss_lod), loss_lod)
    loss = (-scores[:, 0] + cross_entropy(y, logits)).mean()
    out["G_loss"] = loss.detach().numpy()
    out |= gradients("G", g, loss)
    out |= {f"{role}_var/{name}": value for role in values for name, value in values[role].items()}
    return out | adam5(g, d, z, y, x, u, loss_lod)


def critic_loss(g, d, z, y, x, u, lod):
    fakes = g.generate(z, y, lod).detach()
    real_scores, real_logits = d.judge(x, lod)
    fake_scores, fake_logits = d.judge(fakes, lod)
    mixed = (x + (fakes - x) * u).requires_grad_(True)
    mixed_scores, _ = d.judge(mixed, lod)
    (slope,) = torch.autograd.grad(mixed_scores.sum(), mixed, create_graph=True)
    norms = slope.square().sum((1, 2, 3)).sqrt()
    terms = {
        "real_scores": real_scores,
        "fake_scores": fake_scores,
        "mixed_scores": mixed_scores,
        "mixed_norms": norms,
        "gradient_penalty": (norms - 1).square(),
        "drift": real_scores.square(),
    }
    loss = (fake_scores - real_scores + 0.001 * terms["drift"])[:, 0] + 10 * terms["gradient_penalty"]
    if y.shape[1]:
        terms["label_penalty_reals"] = cross_entropy(y, real_logits)
        terms["label_penalty_fakes"] = cross_entropy(y, fake_logits)
        loss = loss + terms["label_penalty_reals"] + terms["label_penalty_fakes"]
    return terms, loss.mean()


def cross_entropy(y, logits):
    return -(y * logits.log_softmax(1)).sum(1) if y.shape[1] else torch.zeros(len(y))


def gradients(role, graph, loss):
    found = torch.autograd.grad(loss, list(graph.v.values()), allow_unused=True, retain_graph=True)
    pairs = zip(graph.v.items(), found, strict=True)
    return {f"{role}_grad/{n}": np.zeros(v.shape, np.float32) if a is None else a.numpy() for (n, v), a in pairs}


def adam5(g, d, z, y, x, u, lod):
    """Five steps of TensorFlow's Adam: its ε is added before the bias of the second moment is corrected."""
    d = Graph("D", d.o, {name: value.detach().numpy() for name, value in d.v.items()})
    second = {name: torch.zeros_like(value) for name, value in d.v.items()}
    losses = []
    for t in range(1, 6):
        _, loss = critic_loss(g, d, z, y, x, u, lod)
        losses.append(loss.item())
        for name, slope in gradients("D", d, loss).items():
            name, slope = name.removeprefix("D_grad/"), torch.from_numpy(slope)
            second[name] = 0.99 * second[name] + 0.01 * slope.square()
            d.v[name].data -= 0.001 * np.sqrt(1 - 0.99**t) * slope / (second[name].sqrt() + 1e-8)
    after = {f"D_adam5/{name}": value.detach().numpy() for name, value in d.v.items()}
    return after | {"D_adam_losses": np.array(losses, np.float32)}


def state(role, options, values, **changes):
    """What the official code's `Network.__getstate__` gives."""
    arguments = {key: value for key, value in options.items() if value is not None}
    return {
        "version": 2,
        "name": role,
        "static_kwargs": arguments,
        "build_module_src": "raise SystemExit('run')",
        "build_func_name": "D_paper" if role == "D" else "G_paper",
        "variables": [("lod", np.float32(0)), *values.items()],
    } | changes


def pickled(states, protocol=4):
    """Official networks with these states, pickled as the official code would, from a module named tfutil."""
    module = types.ModuleType("tfutil")

    class Network:
        def __getstate__(self):
            return self.content

        def __setstate__(self, content):
            self.content = content

    Network.__module__, Network.__qualname__ = "tfutil", "Network"
    module.Network = Network
    records = []
    for content in states:
        record = Network()
        record.content = content
        records.append(record)
    file, before = io.BytesIO(), sys.modules.get("tfutil")
    sys.modules["tfutil"] = module
    try:
        pickle.dump(tuple(records), file, protocol)
    finally:
        del sys.modules["tfutil"]
        if before is not None:
            sys.modules["tfutil"] = before
    return file.getvalue()


def networks(g_changes=None, d_changes=None, **both):
    """Random official networks: options of G, options of D, variables by role."""
    g = G_OPTIONS | {key: value for key, value in both.items() if key in G_OPTIONS} | (g_changes or {})
    d = D_OPTIONS | {key: value for key, value in both.items() if key in D_OPTIONS} | (d_changes or {})
    return g, d, {"G": variables("G", g, 1), "D": variables("D", d, 2), "Gs": variables("Gs", g, 3)}
