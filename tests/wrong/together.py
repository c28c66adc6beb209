"""Wrong answers to the exercises of notebook 14, each with the key of the hint it must get."""

import math

import torch


# -- cost
def counts_forward(f_g, f_d, mix, qua):
    d_turn, g_turn = f_g + 2 * f_d, f_g + f_d
    return d_turn + g_turn + 3 * f_d * mix + (f_g + f_d) * qua


def everything_three_times(f_g, f_d, mix, qua):
    d_turn, g_turn = f_g + 6 * f_d, 3 * (f_g + f_d)
    return d_turn + g_turn + 9 * f_d * mix + 2 * (f_g + f_d) * qua


def graph_of_g(f_g, f_d, mix, qua):
    d_turn, g_turn = 3 * f_g + 6 * f_d, 3 * f_g + 2 * f_d
    return d_turn + g_turn + 8 * f_d * mix + 2 * (f_g + f_d) * qua


def critics_term(f_g, f_d, mix, qua):
    return 4 * f_g + 8 * f_d + 6 * f_d * mix + 2 * (f_g + f_d) * qua


def reals_alone(f_g, f_d, mix, qua):
    return 4 * f_g + 8 * f_d + 5 * f_d * mix + 2 * (f_g + f_d) * qua


def learns_while_searching(f_g, f_d, mix, qua):
    return 4 * f_g + 8 * f_d + 8 * f_d * mix + 3 * (f_g + f_d) * qua


def searches_twice(f_g, f_d, mix, qua):
    return 4 * f_g + 8 * f_d + 8 * f_d * mix + 4 * (f_g + f_d) * qua


def stops_at_the_image(f_g, f_d, mix, qua):
    return 4 * f_g + 8 * f_d + 8 * f_d * mix + 2 * f_d * qua


def two_steps(f_g, f_d, mix, qua):
    return 2 * (4 * f_g + 8 * f_d + 8 * f_d * mix + 2 * (f_g + f_d) * qua)


def one_for_each_net(f_g, f_d, mix, qua):
    return 4 * f_g + 2 * f_g * qua, 8 * f_d + 8 * f_d * mix + 2 * f_d * qua


def shares_a_pass(f_g, f_d, mix, qua):
    return 4 * f_g + 8 * f_d + (8 * f_d if mix else 2 * (f_g + f_d) * qua)


# -- main_effects
def one_at_a_time(y):
    none = y[0, 0, 0]
    return torch.stack([y[1, 0, 0] - none, y[0, 1, 0] - none, y[0, 0, 1] - none])


def added_last(y):
    three = y[1, 1, 1]
    return torch.stack([three - y[0, 1, 1], three - y[1, 0, 1], three - y[1, 1, 0]])


def against_everything(y):
    mean = y.mean(dim=(0, 1, 2))
    with_it = y[1].mean((0, 1)), y[:, 1].mean((0, 1)), y[:, :, 1].mean((0, 1))
    return torch.stack([m - mean for m in with_it])


def against_the_baseline(y):
    with_it = y[1].mean((0, 1)), y[:, 1].mean((0, 1)), y[:, :, 1].mean((0, 1))
    return torch.stack([m - y[0, 0, 0] for m in with_it])


def right(y):
    return torch.stack([(y.select(d, 1) - y.select(d, 0)).mean((0, 1)) for d in range(3)])


def backwards(y):
    return right(y)[[2, 1, 0]]


def off_minus_on(y):
    return -right(y)


def over_seeds_too(y):
    return right(y).mean(-1)


def summed(y):
    return torch.stack([(y.select(d, 1) - y.select(d, 0)).sum((0, 1)) for d in range(3)])


# -- interaction
def whole(y):
    with_mix, without = y[1, :, 1] - y[1, :, 0], y[0, :, 1] - y[0, :, 0]
    return (with_mix - without).mean(0)


def only_where_qua_is_off(y):
    return ((y[1, 0, 1] - y[1, 0, 0]) - (y[0, 0, 1] - y[0, 0, 0])) / 2


def only_where_qua_is_on(y):
    return ((y[1, 1, 1] - y[1, 1, 0]) - (y[0, 1, 1] - y[0, 1, 0])) / 2


def mix_and_qua(y):
    return ((y[1, 1] - y[1, 0]) - (y[0, 1] - y[0, 0])).mean(0) / 2


def of_three(y):
    return (only_where_qua_is_on(y) - only_where_qua_is_off(y)) / 2


def both_against_none(y):
    return (y[1, :, 1] - y[0, :, 0]).mean(0) / 2


def sum_minus_both(y):
    return -whole(y) / 2


def each_qua(y):
    return ((y[1, :, 1] - y[1, :, 0]) - (y[0, :, 1] - y[0, :, 0])) / 2


# -- words
def words(rule):
    def answer(low, high, margin):
        return [rule(a, b, margin) for a, b in zip(low, high, strict=True)]

    return answer


def silence_is_absence(a, b, m):
    return "helps" if b < 0 else "hurts" if a > 0 else "no effect"


def silence_is_doubt(a, b, m):
    return "helps" if b < 0 else "hurts" if a > 0 else "undecided"


def larger_is_better(a, b, m):
    d = math.log(1 + m)
    if b < 0 or a > 0:
        return "hurts" if b < 0 else "helps"
    return "no effect" if -d < a and b < d else "undecided"


def plain(a, b, m):
    if b < 0 or a > 0:
        return "helps" if b < 0 else "hurts"
    return "no effect" if -m < a and b < m else "undecided"


def middle(a, b, m):
    if b < 0 or a > 0:
        return "helps" if b < 0 else "hurts"
    return "no effect" if abs(a + b) / 2 < math.log(1 + m) else "undecided"


def small_is_nothing(a, b, m):
    d = math.log(1 + m)
    if -d < a and b < d:
        return "no effect"
    return "helps" if b < 0 else "hurts" if a > 0 else "undecided"


def must_be_large(a, b, m):
    d = math.log(1 + m)
    if b < -d or a > d:
        return "helps" if b < -d else "hurts"
    return "no effect" if -d < a and b < d else "undecided"


def own_words(a, b, m):
    d = math.log(1 + m)
    if b < 0 or a > 0:
        return "better" if b < 0 else "worse"
    return "equal" if -d < a and b < d else "unclear"


def signs(low, high, margin):
    return [int(a > 0) - int(b < 0) for a, b in zip(low, high, strict=True)]


WRONG = {
    "together.cost": [
        ("forward only", counts_forward),
        ("weights of D in G's turn", everything_three_times),
        ("G learns in D's turn", graph_of_g),
        ("mixes in D's turn alone", critics_term),
        ("one mix", reals_alone),
        ("search for weights", learns_while_searching),
        ("search in both turns", searches_twice),
        ("search through D alone", stops_at_the_image),
        ("factor", two_steps),
        ("shape", one_for_each_net),
        ("differs", shares_a_pass),
    ],
    "together.main_effects": [
        ("alone against none", one_at_a_time),
        ("the last one added", added_last),
        ("against the mean of all", against_everything),
        ("against none", against_the_baseline),
        ("order of the axes", backwards),
        ("sign", off_minus_on),
        ("shape", over_seeds_too),
        ("factor", summed),
    ],
    "together.interaction": [
        ("not halved", whole),
        ("without -qua only", only_where_qua_is_off),
        ("with -qua only", only_where_qua_is_on),
        ("other pair", mix_and_qua),
        ("all three", of_three),
        ("effect of both", both_against_none),
        ("sign", sum_minus_both),
        ("shape", each_qua),
    ],
    "together.words": [
        ("no evidence", words(silence_is_absence)),
        ("never no effect", words(silence_is_doubt)),
        ("helps and hurts", words(larger_is_better)),
        ("margin without a logarithm", words(plain)),
        ("the middle alone", words(middle)),
        ("margin first", words(small_is_nothing)),
        ("beyond the margin", words(must_be_large)),
        ("differs", words(own_words)),
        ("kind", signs),
    ],
}
