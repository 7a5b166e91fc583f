"""A newcomer's metric: this file and one row. Run in a process of its own, from the folder that the test has made."""

import json
from pathlib import Path

from pgan.metric_table import METRICS, Metric, Panel, Value


def compute(sample):
    """How bright the generated images are, from 0 to 1."""
    return {"brightness": float(sample.images("brightness").mean()) / 255, "brightness_real": 0.5}


ROW = Metric(
    "brightness",
    compute="toy_metric:compute",
    needs="images",
    panel=Panel("brightness", limits=(0, 1)),
    values=(Value("brightness", "generated", "higher"), Value("brightness_real", "real", reference=True)),
)


def main() -> None:
    """Measure, draw and report it, and print what came out."""
    METRICS.append(ROW)

    import numpy as np
    from PIL import Image

    from pgan.config import Parameters, validate
    from pgan.errors import InputError
    from pgan.metrics.command import evaluate
    from pgan.metrics.config import Evaluate
    from pgan.rendering.metrics import MAIN, REFERENCE, read_metrics, title, write_metrics_picture
    from pgan.rendering.phases import TrainedPhase
    from stages.tracking.report import EVALUATE, summary

    params, phase = Path("small.yaml"), TrainedPhase("p", "init", Path(), False, 16, 1.0, [1.0])
    section = Parameters.read(params).get("evaluate")
    try:
        validate(section | {"metrics": ["brightnes"]}, Evaluate, params, "evaluate")
    except InputError as error:
        print(error)
    evaluate(Path("net.pt"), EVALUATE / "p/metrics.json", params, Path("noise"), Path("features"), "cpu")
    write_metrics_picture([phase], [read_metrics(EVALUATE, "p")], Path("metrics.png"), 50)
    with Image.open("metrics.png") as picture:
        colors = {tuple(color) for color in np.asarray(picture.convert("RGB")).reshape(-1, 3).tolist()}
    lines = [line.split() for line in summary(["p"], tracked=False)]
    found = {
        "title": title(ROW),
        "drawn": [color for color in (MAIN, REFERENCE) if rgb(color) in colors],
        "reported": [words for words in lines if words[:1] in (["phase"], ["p"])],
    }
    print(json.dumps(found))


def rgb(color: str) -> tuple[int, ...]:
    """A colour's bytes."""
    from matplotlib.colors import to_rgb

    return tuple(round(255 * part) for part in to_rgb(color))


if __name__ == "__main__":
    main()
