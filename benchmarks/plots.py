"""Plots for docs/performance.md and docs/capacity.md, legible on a light page and on a dark one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import quantiles

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS = "#0b6e4f"
OTHERS = ("#7a8793", "#c08a2d", "#8a5fa8", "#3f78b5", "#b5543f", "#4aa3a2", "#d18fb0")
LIMIT = "#b5543f"
INK = "#22303c"
GRID = "#e4e8eb"

plt.rcParams.update(
    dict.fromkeys(("axes.labelcolor", "axes.titlecolor", "text.color", "xtick.color", "ytick.color"), INK)
    | {"font.family": "DejaVu Sans", "font.size": 10, "axes.edgecolor": "#b8c1c8", "axes.axisbelow": True}
    | {"axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 14}
    | {"axes.spines.top": False, "axes.spines.right": False}
)


def bars(path: Path, title: str, unit: str, samples: Mapping[str, Sequence[float]], *, ours: str) -> None:
    """Draw each contestant's median as a bar, and the middle half of its rounds as a whisker."""
    quarters = {name: quantiles(each, n=4) if len(each) > 1 else [*each] * 3 for name, each in samples.items()}
    names = sorted(quarters, key=lambda name: quarters[name][1])
    lows, medians, highs = np.array([quarters[name] for name in names]).T
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.42 * len(names)), layout="constrained")
    colours = [OURS if name == ours else OTHERS[0] for name in names]
    axes.barh(names, medians, color=colours, height=0.62)
    axes.errorbar(medians, names, xerr=[medians - lows, highs - medians], fmt="none", ecolor=INK, lw=1, capsize=3)
    for position, (middle, high) in enumerate(zip(medians, highs, strict=True)):
        axes.annotate(f"{middle:,.0f}", (high, position), xytext=(7, 0), textcoords="offset points", va="center")
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=GRID)
    _save(figure, axes, path, title, (unit, ""))


def lines(  # noqa: PLR0913  one per part of a plot
    path: Path,
    title: str,
    labels: tuple[str, str],
    series: Mapping[str, Mapping[float, float]],
    *,
    ours: str = "",
    logarithmic: str = "xy",
    limits: Mapping[str, float] | None = None,
) -> None:
    """Draw a line per series, and a dashed level for each limit."""
    figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
    others = iter(OTHERS * 3)
    for name, points in series.items():
        colour, width = (OURS, 2.4) if name == ours else (next(others), 1.7)
        axes.plot(list(points), list(points.values()), marker="o", ms=5, lw=width, color=colour, label=name)
    for name, level in (limits or {}).items():
        axes.axhline(level, color=LIMIT, lw=1, ls=(0, (4, 3)))
        place = {"xycoords": ("axes fraction", "data"), "xytext": (4, 4), "textcoords": "offset points"}
        axes.annotate(name, (0, level), color=LIMIT, fontsize=9, **place)
    for axis in logarithmic:
        (axes.set_xscale if axis == "x" else axes.set_yscale)("log")
    if "x" in logarithmic:
        axes.set_xticks(sorted({size for points in series.values() for size in points}))
        axes.get_xaxis().set_major_formatter("{x:,.12g}")
        axes.minorticks_off()
    if "y" not in logarithmic:
        axes.set_ylim(bottom=0)
    axes.get_yaxis().set_major_formatter("{x:,.12g}")
    axes.grid(color=GRID)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _save(figure, axes, path, title, labels)


def _save(figure: Figure, axes: Axes, path: Path, title: str, labels: tuple[str, str]) -> None:
    axes.set_title(title)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    figure.savefig(path, dpi=140, facecolor="white")
    plt.close(figure)
