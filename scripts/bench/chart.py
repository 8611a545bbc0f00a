"""Draws CPU seconds a gigabyte of every client from bench.csv: chart.py BENCH.CSV IMAGE.PNG"""

import csv
import sys
from collections import defaultdict
from statistics import median

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

# Okabe and Ito's colours, told apart with any colour vision; the markers say the same.
STYLES = {
    "ttlsweep": ("#0072B2", "o", "-"),
    "untraced": ("#56B4E9", "s", "--"),
    "curl keep-alive": ("#009E73", "^", "-"),
    "curl in parallel": ("#E69F00", "v", "-"),
    "locust": ("#D55E00", "D", "-"),
}


def read(path):
    found = defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            bytes_sent = int(row["users"]) * int(row["size_bytes"]) * int(row["transfers_per_user"])
            cpu = (float(row["cpu_s"]) - float(row["start_cpu_s"])) / bytes_sent * 1e9
            found[row["tls"], row["client"], int(row["users"]), int(row["size_bytes"])].append(cpu)
    return found


def shape(users, size):
    amount = f"{size // 1_000_000} MB" if size >= 1_000_000 else f"{size // 1000} kB"
    return f"{users:,} users\n× {amount}"


def draw_wire(axes, found, tls, title):
    points = sorted({(users, size) for key, _, users, size in found if key == tls})
    places = {users: place for place, (users, _) in enumerate(points)}
    for client, (colour, marker, line) in STYLES.items():
        here = sorted((users, runs) for (key, name, users, _), runs in found.items() if (key, name) == (tls, client))
        if not here:
            continue
        x = [places[users] for users, _ in here]
        middle = [median(runs) for _, runs in here]
        low = [m - min(runs) for m, (_, runs) in zip(middle, here)]
        high = [max(runs) - m for m, (_, runs) in zip(middle, here)]
        axes.errorbar(
            x, middle, [low, high], label=client, color=colour, marker=marker, linestyle=line, markersize=7, capsize=3
        )
    axes.set_xticks(range(len(points)), [shape(*point) for point in points])
    axes.set_title(title)
    axes.set_yscale("log")
    axes.set_yticks([0.1, 0.2, 0.5, 1, 2, 5, 10, 20], ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20"])
    axes.minorticks_off()
    axes.grid(axis="y", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)


def main(source, image):
    plt.rcParams.update({"font.size": 12})
    found = read(source)
    figure, (plain, secure) = plt.subplots(1, 2, figsize=(13, 5.5), sharey=True, layout="constrained")
    draw_wire(plain, found, "0", "TCP")
    draw_wire(secure, found, "1", "TLS")
    plain.set_ylabel("CPU s per GB (log scale), lower is better")
    handles, labels = plain.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.suptitle("What uploading costs the client: medians, lines from the least to the most")
    figure.savefig(image, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
