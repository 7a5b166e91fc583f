"""Commands that a reader can type: the stages one by one, and what to do with the generator."""

from pgan.phases import Phases


def stages(phases: Phases) -> str:
    """All stages of a run, without DVC."""
    lines = ["pgan prepare", "pgan init"]
    lines += [f"pgan train {name}" for name in phases]
    lines += ["pgan features"]
    for name in phases:
        folder = f"data/evaluate/{name}"
        lines.append(f"pgan evaluate --checkpoint {checkpoint(name)} --out {folder}/metrics.json --nearest {folder}")
    return "\n".join([*lines, "pgan render", "pgan report"])


def uses(phases: Phases) -> str:
    """What one can do with the final generator."""
    generator = checkpoint(list(phases)[-1])
    return "\n".join(
        [
            f"pgan sample {generator} grid.png --seeds 0-63",
            f"pgan interpolate {generator} walk.gif --seeds 0-5",
            f"pgan export {generator} generator.onnx",
            f"pgan compare {generator} OTHER --reference data/pyramid",
        ]
    )


def checkpoint(phase: str) -> str:
    """Of a phase, in the folders that the stages write to."""
    return f"data/train/{phase}/checkpoint.pt"
