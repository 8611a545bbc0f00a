"""What was measured, as tables and a chart."""

import subprocess
from pathlib import Path
from statistics import median

from .stats import median_interval, ratio_interval
from .tools import installed_programs

CHART = Path(__file__).with_name("chart.py")
KIB_GOAL = {False: 32, True: 64}
OTHERS = ["curl keep-alive", "curl in parallel", "locust"]


def of(found, client, users, tls) -> list:
    return [one for one in found if (one.client, one.load.users, one.tls) == (client, users, tls)]


def pair_ratios(found, users, tls) -> list:
    """CPU of ttlsweep over that of its untraced twin in the same round."""
    twins = {one.round: one for one in of(found, "untraced", users, tls)}
    traced = [one for one in of(found, "ttlsweep", users, tls) if one.round in twins]
    return [one.cpu_a_gigabyte / twins[one.round].cpu_a_gigabyte for one in traced]


def against(found, client, users, tls):
    """CPU a gigabyte of ttlsweep over that of another client, with its interval; `None` if it was not measured."""
    ours, theirs = of(found, "ttlsweep", users, tls), of(found, client, users, tls)
    if not theirs:
        return None
    return ratio_interval([one.cpu_a_gigabyte for one in ours], [one.cpu_a_gigabyte for one in theirs])


def interval(values, digits=2) -> str:
    middle, low, high = values
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def wire(tls) -> str:
    return "TLS" if tls else "TCP"


def points(found) -> list:
    return sorted({(one.tls, one.load.users) for one in found})


def progress(found, load, tls, load_average) -> str:
    tracing = interval(median_interval(pair_ratios(found, load.users, tls)), 3)
    return f"{wire(tls)}, {load.users} users: traced / untraced {tracing}; the load was {load_average:.1f}"


def table(found) -> str:
    lines = ["### Ratios: CPU seconds of ttlsweep over those of …", ""]
    lines += ["| wire | users × size | pairs | " + " | ".join(["itself, untraced", *OTHERS]) + " |"]
    lines += ["| --- | --- | ---: |" + " --- |" * 4]
    for tls, users in points(found):
        ratios = pair_ratios(found, users, tls)
        others = [against(found, client, users, tls) for client in OTHERS]
        cells = [interval(median_interval(ratios), 3)] + [interval(one) if one else "" for one in others]
        lines.append(f"| {wire(tls)} | {_shape(found, users, tls)} | {len(ratios)} | " + " | ".join(cells) + " |")
    return "\n".join(lines + ["", *_absolute(found)]) + "\n"


def _absolute(found):
    clients = ["ttlsweep", "untraced", *OTHERS]
    lines = ["### On this machine: CPU s/GB · GB/s, medians", ""]
    lines += ["| wire | users × size | " + " | ".join(clients) + " |", "| --- | --- |" + " --- |" * len(clients)]
    for tls, users in points(found):
        cells = [_cell(of(found, client, users, tls)) for client in clients]
        lines.append(f"| {wire(tls)} | {_shape(found, users, tls)} | " + " | ".join(cells) + " |")
    return lines


def _cell(runs) -> str:
    if not runs:
        return ""
    cpu = median(one.cpu_a_gigabyte for one in runs)
    return f"{cpu:.2f} · {median(one.gigabytes_a_second for one in runs):.2f}"


def _shape(found, users, tls) -> str:
    size = of(found, "ttlsweep", users, tls)[0].load.size
    return f"{users:,} × " + (f"{size // 1_000_000} MB" if size >= 1_000_000 else f"{size // 1000} kB")


def headline(found) -> str:
    """Each goal with what was measured; a goal whose clients were not measured is left out."""
    lines = ["| goal | measured | met |", "| --- | --- | --- |"]
    at_five = [tls for tls, users in points(found) if users == 5]
    for tls in at_five:
        lines.append(_tracing_goal(found, tls))
    goals = [("curl keep-alive", False, 1.0, "curl keep-alive's")]
    goals += [("locust", tls, 0.5, "half of locust's") for tls in at_five]
    for client, tls, most, words in goals:
        ratio = against(found, client, 5, tls)
        if ratio:
            lines.append(f"| CPU a GB ≤ {words}, {wire(tls)} | {interval(ratio)} of it | {_met(ratio[0] <= most)} |")
    return "\n".join(lines) + "\n"


def _tracing_goal(found, tls) -> str:
    ratios = pair_ratios(found, 5, tls)
    middle, low, high = (100 * (one - 1) for one in median_interval(ratios))
    text = f"{middle:+.1f} % ({low:+.1f} to {high:+.1f}), {len(ratios)} pairs"
    # An interval that reaches beyond the goal leaves it open.
    met = "yes" if high <= 3 else "**no**" if low > 3 else "not shown: the interval reaches beyond it"
    return f"| tracing costs ≤ 3 % CPU, {wire(tls)} | {text} | {met} |"


def picture(image) -> str:
    return f"![CPU seconds a gigabyte of each client, by users, over TCP and TLS](images/{image.name})"


def _met(yes) -> str:
    return "yes" if yes else "**no**"


def memory_line(one) -> str:
    return f"{wire(one.secure)}, {one.users} users: {one.kib_a_user:.1f} KiB each, {one.together} in flight at once"


def memory_table(held) -> str:
    columns = "wire | users | KiB a user | resident, one user | peak | in flight | rows | completed | samples/s | goal | met"
    lines = [f"| {columns} |"]
    lines.append("| --- |" + " ---: |" * 9 + " --- |")
    for one in held:
        sizes = f"{one.kib_a_user:.1f} | {one.idle_kib / 1024:.1f} MiB | {one.peak_kib / 1024:.1f} MiB"
        counts = f"{one.together:,} | {one.rows:,} | {one.completed:,} | {one.samples_a_second:,.0f}"
        goal = KIB_GOAL[one.secure]
        ending = f"≤ {goal} KiB | {_met(one.kib_a_user <= goal)}"
        lines.append(f"| {wire(one.secure)} | {one.users:,} | {sizes} | {counts} | {ending} |")
    return "\n".join(lines) + "\n"


def draw(rows, image):
    image.parent.mkdir(exist_ok=True)
    subprocess.run([installed_programs() / "python", CHART, rows, image], check=True)
