"""Durations and sizes in words."""


def duration(value: float) -> str:
    """Seconds as a person says them: `45 s`, `12 min`, `1 h 50 min`, `3 days 4 h`."""
    if value < 59.5:
        return f"{value:.0f} s"
    minutes = round(value / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} days {hours % 24} h"


def size(count: float) -> str:
    """Bytes as a person says them: `512 B`, `2.5 MiB`, `103 GiB`."""
    value, units = count, ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.0f} {units[0]}" if value >= 99.5 or units[0] == "B" else f"{value:.2g} {units[0]}"
