"""Brings runs of older versions to the present form: `python -m stages.tracking.migrate`.

Metrics get their present names, with the same steps, values and times.  The old names stay, because MLflow neither
renames nor deletes a metric; its pages show them in a section of their own.  Tags that were bookkeeping go.  What is
done is not done again.
"""

from mlflow import MlflowClient
from mlflow.entities import Metric, Run

from pgan.process import begin, user_errors
from stages.tracking.ledger import OLDER
from stages.tracking.names import of_older
from stages.tracking.stage import root
from stages.tracking.store import connect


@user_errors
def main() -> None:
    """Migrate all runs of the experiment that this pipeline has logged."""
    client, experiment = connect(root())
    found, token = 0, None
    while True:
        page = client.search_runs([experiment], "tags.`pgan.stage` != ''", page_token=token)
        found += sum(migrate(client, run) for run in page)
        token = page.token
        if not token:
            break
    print(f"{found} runs of older versions brought to the present form")


def migrate(client: MlflowClient, run: Run) -> bool:
    """Bring one run to the present form. Returns whether anything was to do."""
    stage = run.data.tags["pgan.stage"].partition("@")[0]
    names = {name: of_older(name, stage) for name in run.data.metrics}
    lacking = {old: new for old, new in names.items() if new not in names}
    for old, new in lacking.items():
        points = client.get_metric_history(run.info.run_id, old)
        copies = [Metric(new, point.value, point.timestamp, point.step) for point in points]
        for i in range(0, len(copies), 1000):
            client.log_batch(run.info.run_id, metrics=copies[i : i + 1000])
    tags = [tag for tag in run.data.tags if tag.startswith(OLDER)]
    for tag in tags:
        client.delete_tag(run.info.run_id, tag)
    return bool(lacking or tags)


if __name__ == "__main__":
    begin()
    main()
