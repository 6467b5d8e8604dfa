"""Figures of scored trackers for a paper, as SVG, PDF and PNG, by matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fairmot.errors import InputError
from fairmot.evaluation.hota import ALPHAS
from fairmot.files import replacing
from fairmot.formats.scores import COMBINED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "pdf", "png")
# Okabe and Ito's colours: told apart by people who are colour-blind, and apart in lightness in print.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = "osD^vP*X"
_PNG_DOTS_PER_INCH = 200
_STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # letters stay letters, as publishers ask
    "svg.fonttype": "none",
    "svg.hashsalt": "fairmot",
}
_ERRORS = (("CLR_FN", "misses"), ("CLR_FP", "false positives"), ("IDSW", "switches"), ("Frag", "fragmentations"))

Trackers = list[dict[str, Any]]


def write_figures(comparison: Mapping[str, Any], folder: Path | str) -> list[Path]:
    """Draw HOTA over alpha, DetA against AssA, scores of each sequence, and errors by kind.

    Args:
        comparison: of ``compare_trackers``, of one tracker or more.
        folder: gets ``NAME.svg``, ``NAME.pdf`` and ``NAME.png`` of each figure; it is made where it is missing.

    Returns:
        The files.

    Raises:
        InputError: a file cannot be written.
    """
    import matplotlib as mpl

    drawings: dict[str, Callable[[Trackers], Figure]] = {
        "hota-over-alpha": _hota_over_alpha,
        "detection-association": _detection_against_association,
        "sequences": _sequences,
        "errors": _errors,
    }
    place = Path(folder)
    written = []
    try:
        place.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(_STYLE):
            for name, draw in drawings.items():
                figure = draw(comparison["trackers"])
                for ending in FORMATS:
                    path = place / f"{name}.{ending}"
                    # No date inside: the same scores give the same file.
                    about = {"png": None, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[ending]
                    with replacing(path) as temporary:
                        figure.savefig(
                            temporary, format=ending, dpi=_PNG_DOTS_PER_INCH, bbox_inches="tight", metadata=about
                        )
                    written.append(path)
    except OSError as error:
        raise InputError(f"{place}: the figures cannot be written ({error.strerror})") from error
    return written


def _figure(width: float, height: float) -> Figure:
    # Without pyplot, whose figures live in a global state.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _plain(text: str) -> str:
    """Return a name in which no ``$`` begins a formula."""
    return text.replace("$", r"\$")


def _hota_over_alpha(trackers: Trackers) -> Figure:
    figure = _figure(7.2, 2.6)
    panels = figure.subplots(1, 3, sharey=True)
    for panel, field in zip(panels, ("HOTA", "DetA", "AssA"), strict=True):
        for number, tracker in enumerate(trackers):
            combined = tracker["report"]["combined"]
            panel.plot(
                ALPHAS,
                100 * np.array(combined[f"{field}_alpha"]),
                label=f"{_plain(tracker['name'])} ({100 * combined['HOTA']:.1f})",
                color=_COLORS[number % len(_COLORS)],
                linestyle=_DASHES[number % len(_DASHES)],
                linewidth=1.6,
            )
        panel.set(title=field, xlabel="localisation threshold α", xlim=(0, 1), ylim=(0, 100))
    panels[0].set_ylabel("%")
    panels[0].legend(title="HOTA", loc="lower left", fontsize=8, title_fontsize=8)
    return figure


def _detection_against_association(trackers: Trackers) -> Figure:
    figure = _figure(3.6, 3.4)
    panel = figure.subplots()
    points = np.array(
        [[100 * tracker["report"]["combined"][field] for field in ("DetA", "AssA")] for tracker in trackers]
    )
    ends = [
        [tracker["intervals"][field] if tracker["intervals"] else None for field in ("DetA", "AssA")]
        for tracker in trackers
    ]
    reach = [100 * end for tracker in ends for pair in tracker if pair is not None for end in pair]
    low = max(0.0, min([*points.ravel(), *reach]) - 4)
    high = min(100.0, max([*points.ravel(), *reach]) + 4)
    # Where HOTA is the same: about the geometric mean of both.
    grid = np.linspace(max(low, 1e-3), high, 200)
    for level in range(10, 100, 5):
        curve = level**2 / grid
        inside = (curve >= low) & (curve <= high)
        if inside.any():
            panel.plot(grid[inside], curve[inside], color="#bbbbbb", linewidth=0.7, linestyle=":")
            panel.annotate(str(level), (grid[inside][-1], curve[inside][-1]), fontsize=7, color="#888888")
    for number, (tracker, (x, y), (across, up)) in enumerate(zip(trackers, points, ends, strict=True)):
        color = _COLORS[number % len(_COLORS)]
        panel.errorbar(
            [x],
            [y],
            xerr=_reach(x, across),
            yerr=_reach(y, up),
            color=color,
            marker=_MARKERS[number % len(_MARKERS)],
            markersize=6,
            elinewidth=0.9,
            capsize=2,
            linestyle="none",
            label=_plain(tracker["name"]),
        )
    panel.set(xlabel="DetA (%)", ylabel="AssA (%)", xlim=(low, high), ylim=(low, high), aspect="equal")
    panel.legend(fontsize=8, loc="best")
    return figure


def _reach(value: float, ends: list[float] | None) -> list[list[float]] | None:
    """Return how far an interval reaches to both sides of a value, as error bars take it."""
    return None if ends is None else [[max(0.0, value - 100 * ends[0])], [max(0.0, 100 * ends[1] - value)]]


def _sequences(trackers: Trackers) -> Figure:
    names = [*trackers[0]["report"]["sequences"], COMBINED]
    figure = _figure(max(4.5, 0.32 * len(names) * max(2, len(trackers))), 5.4)
    panels = figure.subplots(3, 1, sharex=True)
    width = 0.8 / len(trackers)
    for panel, field in zip(panels, ("HOTA", "MOTA", "IDF1"), strict=True):
        for number, tracker in enumerate(trackers):
            report = tracker["report"]
            values = [report["combined"] if name == COMBINED else report["sequences"][name] for name in names]
            panel.bar(
                np.arange(len(names)) + (number - (len(trackers) - 1) / 2) * width,
                [100 * value[field] for value in values],
                width=0.92 * width,
                color=_COLORS[number % len(_COLORS)],
                label=_plain(tracker["name"]),
            )
        panel.set_ylabel(f"{field} (%)")
        panel.grid(axis="x", visible=False)
    shown = ["combined" if name == COMBINED else _plain(name) for name in names]
    panels[-1].set_xticks(range(len(names)), shown, rotation=30, ha="right")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8)
    return figure


def _errors(trackers: Trackers) -> Figure:
    figure = _figure(7.2, 0.9 + 0.28 * len(trackers))
    for panel, (field, title) in zip(figure.subplots(1, len(_ERRORS), sharey=True), _ERRORS, strict=True):
        counts = [tracker["report"]["combined"][field] for tracker in trackers]
        colors = [_COLORS[number % len(_COLORS)] for number in range(len(trackers))]
        bars = panel.barh([_plain(tracker["name"]) for tracker in trackers], counts, color=colors, height=0.7)
        panel.bar_label(bars, fmt="{:,.0f}", fontsize=7, padding=2)
        panel.set_title(title, fontsize=9)
        panel.margins(x=0.3)
        panel.grid(axis="y", visible=False)
        panel.locator_params(axis="x", nbins=3)
        panel.tick_params(labelsize=8)
    panel.invert_yaxis()
    return figure
