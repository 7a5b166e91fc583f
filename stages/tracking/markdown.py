"""Tables in Markdown, as MLflow's pages show them."""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A row for each of `rows`, below the headings."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
