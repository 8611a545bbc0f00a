"""Medians and how far they may be trusted."""

import random
from math import comb
from statistics import median

CONFIDENCE = 0.95


def median_interval(values):
    """The median with its interval by order statistics, which assumes nothing about the values' distribution."""
    ordered, count = sorted(values), len(values)
    return median(ordered), *(_order_statistics(ordered, count))


def _order_statistics(ordered, count):
    below = 0.0
    rank = 0
    while rank < count // 2:
        below += comb(count, rank) / 2**count
        if 2 * below > 1 - CONFIDENCE:
            break
        rank += 1
    # With fewer than six values no pair of them reaches 95 %; the whole range is the most that can be said.
    return ordered[max(rank - 1, 0)], ordered[count - max(rank, 1)]


def ratio_interval(above, below, rounds=4000):
    """The ratio of two medians with its bootstrap interval."""
    draw = random.Random(1)
    ratios = sorted(
        median(draw.choices(above, k=len(above))) / median(draw.choices(below, k=len(below))) for _ in range(rounds)
    )
    tail = int(rounds * (1 - CONFIDENCE) / 2)
    return median(above) / median(below), ratios[tail], ratios[-1 - tail]
