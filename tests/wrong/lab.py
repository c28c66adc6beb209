"""Wrong answers to the exercises of notebook 12, each with the key of the hint it must get."""

import torch


# -- turns
def at_once(theta, psi, lr, steps):
    for _ in range(steps):
        theta, psi = theta + lr * psi, psi - lr * theta
    return torch.stack([theta, psi], dim=1)


def generator_begins(theta, psi, lr, steps):
    for _ in range(steps):
        theta = theta + lr * psi
        psi = psi - lr * theta
    return torch.stack([theta, psi], dim=1)


def one_loss(theta, psi, lr, steps):
    for _ in range(steps):
        psi = psi - lr * theta
        theta = theta - lr * psi
    return torch.stack([theta, psi], dim=1)


def critic_climbs(theta, psi, lr, steps):
    for _ in range(steps):
        psi = psi + lr * theta
        theta = theta + lr * psi
    return torch.stack([theta, psi], dim=1)


def by_itself(theta, psi, lr, steps):
    for _ in range(steps):
        psi = psi - lr * psi
        theta = theta + lr * theta
    return torch.stack([theta, psi], dim=1)


def critic_first(theta, psi, lr, steps):
    for _ in range(steps):
        psi = psi - lr * theta
        theta = theta + lr * psi
    return torch.stack([psi, theta], dim=1)


def returns_in_the_loop(theta, psi, lr, steps):
    for _ in range(steps):
        psi = psi - lr * theta
        theta = theta + lr * psi
        return torch.stack([theta, psi], dim=1)


def rows_for_columns(theta, psi, lr, steps):
    for _ in range(steps):
        psi = psi - lr * theta
        theta = theta + lr * psi
    return torch.stack([theta, psi], dim=0).repeat(1, 2)


def in_place(theta, psi, lr, steps):
    for _ in range(steps):
        psi -= lr * theta
        theta += lr * psi
    return torch.stack([theta, psi], dim=1)


# -- squares
def well_known(player, real, fake):
    if player == "d":
        return 0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean()
    return 0.5 * ((fake - 1) ** 2).mean()


def to_the_reals(player, real, fake):
    if player == "d":
        return 0.5 * ((real - 1) ** 2).mean() + 0.5 * ((fake + 1) ** 2).mean()
    return 0.5 * ((fake - 1) ** 2).mean()


def upside_down(player, real, fake):
    if player == "d":
        return 0.5 * ((real + 1) ** 2).mean() + 0.5 * ((fake - 1) ** 2).mean()
    return 0.5 * (fake**2).mean()


def critic_always(player, real, fake):
    return 0.5 * ((real - 1) ** 2).mean() + 0.5 * ((fake + 1) ** 2).mean()


def generator_always(player, real, fake):
    return 0.5 * (fake**2).mean()


def other_player(player, real, fake):
    if player == "g":
        return 0.5 * ((real - 1) ** 2).mean() + 0.5 * ((fake + 1) ** 2).mean()
    return 0.5 * (fake**2).mean()


def absolute(player, real, fake):
    if player == "d":
        return 0.5 * abs(real - 1).mean() + 0.5 * abs(fake + 1).mean()
    return 0.5 * abs(fake).mean()


def mean_first(player, real, fake):
    if player == "d":
        return 0.5 * (real.mean() - 1) ** 2 + 0.5 * (fake.mean() + 1) ** 2
    return 0.5 * fake.mean() ** 2


def reals_alone(player, real, fake):
    if player == "d":
        return 0.5 * ((real - 1) ** 2).mean()
    return 0.5 * (fake**2).mean()


def forgetful(player, real, fake):
    if player == "d":
        return 0.5 * ((real - 1) ** 2).mean() + 0.5 * ((fake.detach() + 1) ** 2).mean()
    return 0.5 * (fake**2).mean()


def without_halves(player, real, fake):
    if player == "d":
        return ((real - 1) ** 2).mean() + ((fake + 1) ** 2).mean()
    return (fake**2).mean()


def only_d(player, real, fake):
    if player == "d":
        return 0.5 * ((real - 1) ** 2).mean() + 0.5 * ((fake + 1) ** 2).mean()


# -- in_force
def in_the_callers_dict(start, log, step):
    for s, name, value in log:
        if s <= step:
            start[name] = value
    return start


def whole_log(start, log, step):
    now = dict(start)
    for _, name, value in log:
        now[name] = value
    return now


def before_it(start, log, step):
    now = dict(start)
    for s, name, value in log:
        if s < step:
            now[name] = value
    return now


def at_it(start, log, step):
    now = dict(start)
    for s, name, value in log:
        if s == step:
            now[name] = value
    return now


def keeps_the_first(start, log, step):
    now = {}
    for s, name, value in log:
        if s <= step and name not in now:
            now[name] = value
    return {**start, **now}


def changed_ones(start, log, step):
    now = {}
    for s, name, value in log:
        if s <= step:
            now[name] = value
    return now


def back_to_the_start(start, log, step):
    now = {name: value for s, name, value in log if s <= step}
    now.update(start)
    return now


def entries(start, log, step):
    return [entry for entry in log if entry[0] <= step]


def takes_the_step(start, log, step):
    now = dict(start)
    for s, name, value in log:
        if s <= step:
            now[value] = name
    return now


WRONG = {
    "lab.turns": [
        ("both at once", at_once),
        ("G first", generator_begins),
        ("one way for both", one_loss),
        ("D climbs", critic_climbs),
        ("own number", by_itself),
        ("places swapped", critic_first),
        ("one step", returns_in_the_loop),
        ("shape", rows_for_columns),
        ("changes its input", in_place),
    ],
    "lab.squares": [
        ("0 and 1", well_known),
        ("G wants 1", to_the_reals),
        ("labels swapped", upside_down),
        ("D's loss for both", critic_always),
        ("G's loss for both", generator_always),
        ("players swapped", other_player),
        ("not squared", absolute),
        ("the square of the mean", mean_first),
        ("fakes missing", reals_alone),
        ("detached", forgetful),
        ("factor", without_halves),
        ("nothing", only_d),
    ],
    "lab.in_force": [
        ("the future", whole_log),
        ("a step late", before_it),
        ("only this step", at_it),
        ("first wins", keeps_the_first),
        ("without the start", changed_ones),
        ("start wins", back_to_the_start),
        ("kind", entries),
        ("changes its input", in_the_callers_dict),
    ],
}
