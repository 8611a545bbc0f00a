"""Draws what a long run held over its time: chart.py SAMPLES.CSV IMAGE.PNG"""

import csv
import sys
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

PANELS = [
    ("rss_kb", "resident memory, MB", 1000),
    ("descriptors", "open descriptors", 1),
    ("threads", "threads", 1),
]
# Okabe and Ito's colours, told apart with any colour vision; the lines say the same.
STYLES = {"ttlsweep": ("#0072B2", "-"), "ttlsweep-testbed": ("#D55E00", "--")}


def main(source, image):
    by_process, waiting, kills = defaultdict(list), [], []
    with open(source, newline="") as file:
        for row in csv.DictReader(file):
            minutes = float(row["t_s"]) / 60
            by_process[row["process"]].append((minutes, row))
            if row["process"] == "ttlsweep":
                waiting.append((minutes, int(row["time_wait"])))
                if row["part"] != "1" and not kills:
                    kills.append(minutes)
    plt.rcParams.update({"font.size": 11})
    figure, axes = plt.subplots(len(PANELS) + 1, 1, figsize=(11, 11), sharex=True, layout="constrained")
    for panel, (column, title, scale) in zip(axes, PANELS):
        for name, samples in by_process.items():
            colour, line = STYLES[name]
            panel.plot(
                [minutes for minutes, _ in samples],
                [int(row[column]) / scale for _, row in samples],
                color=colour, linestyle=line, label=name,
            )
        panel.set_ylabel(title)
    axes[-1].plot(*zip(*waiting), color="#009E73")
    axes[-1].set_ylabel("sockets in TIME_WAIT")
    axes[-1].set_xlabel("minutes")
    for panel in axes:
        panel.set_ylim(bottom=0)
        panel.grid(axis="y", color="#dddddd")
        panel.spines[["top", "right"]].set_visible(False)
        for at in kills:
            panel.axvline(at, color="#666666", linestyle=":")
    if kills:
        axes[0].annotate("killed, resumed", (kills[0], 0), textcoords="offset points", xytext=(-4, 6), ha="right")
    axes[0].legend(frameon=False, loc="upper left", ncols=2)
    figure.suptitle("A long run with random faults: what both processes hold")
    figure.savefig(image, dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:])
