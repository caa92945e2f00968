"""One series as a plot in the terminal."""

from collections.abc import Sequence
from datetime import datetime

import plotext


def draw(title: str, times: Sequence[datetime], values: Sequence[float], width: int = 78, height: int = 14) -> str:
    """The plot as text; times on the x axis as seconds since the first."""
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    plotext.plot([(t - times[0]).total_seconds() for t in times], list(values), marker="braille")
    plotext.title(title)
    plotext.xlabel("seconds")
    text: str = plotext.uncolorize(plotext.build())
    return text
