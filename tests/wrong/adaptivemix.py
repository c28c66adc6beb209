"""Wrong answers to the exercises of notebook 02, each with the key of the hint it must get."""

import torch
from torch.nn.functional import cosine_similarity, mse_loss, normalize


def right_way(F, x_i, x_j, lam):
    return F(lam * x_i + (1 - lam) * x_j) - (lam * F(x_i) + (1 - lam) * F(x_j))


def crossed(F, x_i, x_j, lam):
    target = (1 - lam) * F(x_i) + lam * F(x_j)
    return (F(lam * x_i + (1 - lam) * x_j) - target).norm(dim=1)


def squared(F, x_i, x_j, lam):
    return (right_way(F, x_i, x_j, lam) ** 2).sum(dim=1)


def rms(F, x_i, x_j, lam):
    return right_way(F, x_i, x_j, lam).pow(2).mean(dim=1).sqrt()


def l1(F, x_i, x_j, lam):
    return right_way(F, x_i, x_j, lam).abs().sum(dim=1)


def with_itself(F, x_i, x_j, lam):
    x = lam * x_i + (1 - lam) * x_j
    target = F(x)
    return ((F(x) - target) ** 2).sum(dim=1)


def between_the_parents(F, x_i, x_j, lam):
    return (F(x_i) - F(x_j)).pow(2).sum(1).sqrt()


def constant_target(F, x_i, x_j, lam):
    with torch.no_grad():
        target = lam * F(x_i) + (1 - lam) * F(x_j)
    return (F(lam * x_i + (1 - lam) * x_j) - target).norm(dim=1)


def of_the_batch(F, x_i, x_j, lam):
    return right_way(F, x_i, x_j, lam).norm()


def entries(F, x_i, x_j, lam):
    return right_way(F, x_i, x_j, lam)


def all_without_grad(F, x_i, x_j, lam):
    with torch.no_grad():
        return right_way(F, x_i, x_j, lam).norm(dim=1)


def in_place(F, x_i, x_j, lam):
    v_i, v_j = F(x_i), F(x_j)
    x_i *= lam
    x_i += (1 - lam) * x_j
    return (F(x_i) - lam * v_i - (1 - lam) * v_j).norm(dim=1)


def flat_lam(F, x_i, x_j, lam):
    lam = lam.squeeze()
    return (F(torch.einsum("n,nk->nk", lam, x_i) + x_j) - F(x_j)).norm(dim=1)


def mixes_scores(J, v_i, v_j, v_mix, lam):
    lam = lam.squeeze(1)
    return lam * J(v_i) + (1 - lam) * J(v_j) + J(v_mix)


def one_call(J, v_i, v_j, v_mix, lam):
    return J(lam * v_i + (1 - lam) * v_j + v_mix)


def half_of_it(J, v_i, v_j, v_mix, lam):
    return J(v_mix)


def unmixed(J, v_i, v_j, v_mix, lam):
    return J(v_i) + J(v_mix)


def other_side(J, v_i, v_j, v_mix, lam):
    return J(lam * v_j + (1 - lam) * v_i) + J(v_mix)


def detached(J, v_i, v_j, v_mix, lam):
    target = (lam * v_i + (1 - lam) * v_j).detach()
    return J(target) + J(v_mix)


def averaged(J, v_i, v_j, v_mix, lam):
    return (J(lam * v_i + (1 - lam) * v_j) + J(v_mix)) / 2


def mean_score(J, v_i, v_j, v_mix, lam):
    return (J(lam * v_i + (1 - lam) * v_j) + J(v_mix)).mean()


def pair(J, v_i, v_j, v_mix, lam):
    return J(lam * v_i + (1 - lam) * v_j), J(v_mix)


def target_of(v_i, v_j, lam):
    return (lam * v_i + (1 - lam) * v_j).detach()


def not_detached(v_mix, v_i, v_j, lam):
    return -cosine_similarity(v_mix, lam * v_i + (1 - lam) * v_j, dim=1).mean()


def plus(v_mix, v_i, v_j, lam):
    return cosine_similarity(v_mix, target_of(v_i, v_j, lam), dim=1).mean()


def one_minus(v_mix, v_i, v_j, lam):
    return 1 - cosine_similarity(v_mix, target_of(v_i, v_j, lam), dim=1).mean()


def dot(v_mix, v_i, v_j, lam):
    return -torch.einsum("nk,nk->n", v_mix, target_of(v_i, v_j, lam)).mean()


def flattened(v_mix, v_i, v_j, lam):
    return -cosine_similarity(v_mix.flatten(), target_of(v_i, v_j, lam).flatten(), dim=0)


def wrong_axis(v_mix, v_i, v_j, lam):
    return -cosine_similarity(v_mix, target_of(v_i, v_j, lam), dim=0).mean()


def paper(v_mix, v_i, v_j, lam):
    return ((v_mix - target_of(v_i, v_j, lam)) ** 2).sum(1).mean()


def classifier(v_mix, v_i, v_j, lam):
    return mse_loss(v_mix, target_of(v_i, v_j, lam))


def other_detached(v_mix, v_i, v_j, lam):
    return -cosine_similarity(v_mix.detach(), lam * v_i + (1 - lam) * v_j, dim=1).mean()


def unit_parents(v_mix, v_i, v_j, lam):
    target = lam * normalize(v_i, dim=1) + (1 - lam) * normalize(v_j, dim=1)
    return -(normalize(v_mix, dim=1) * normalize(target.detach(), dim=1)).sum(1).mean()


def lam_on_j(v_mix, v_i, v_j, lam):
    return -cosine_similarity(v_mix, target_of(v_j, v_i, lam), dim=1).mean()


def summed(v_mix, v_i, v_j, lam):
    return -cosine_similarity(v_mix, target_of(v_i, v_j, lam), dim=1).sum()


def each(v_mix, v_i, v_j, lam):
    return -cosine_similarity(v_mix, target_of(v_i, v_j, lam), dim=1)


WRONG = {
    "adaptivemix.powers": [
        ("l2 is squared", (2, 2, 1, 2, 0)),
        ("mse is plain", (2, 1, 1, 1, 0)),
        ("cosine falls", (2, 1, 1, 2, 1)),
        ("ratios", (4, 2, 2, 4, 0)),
        ("order", (2, 1, 2, 1, 0)),
        ("shape", (2, 1, 1, 2)),
        ("sign", (-2, -1, -1, -2, 0)),
        ("kind", ("c^2", "c", "c", "c^2", "1")),
        ("differs", (2, 1, 2, 2, 0)),
    ],
    "adaptivemix.gap": [
        ("sides swapped", crossed),
        ("squared", squared),
        ("mean over features", rms),
        ("absolute values", l1),
        ("always 0", with_itself),
        ("parents", between_the_parents),
        ("target detached", constant_target),
        ("shape", of_the_batch),
        ("shape", entries),
        ("detached", all_without_grad),
        ("changes its input", in_place),
        ("raises", flat_lam),
    ],
    "adaptivemix.seen_score": [
        ("scores mixed", mixes_scores),
        ("features added", one_call),
        ("only the mix", half_of_it),
        ("plain score", unmixed),
        ("sides swapped", other_side),
        ("target detached", detached),
        ("factor", averaged),
        ("shape", mean_score),
        ("kind", pair),
    ],
    "adaptivemix.cosine": [
        ("not detached", not_detached),
        ("sign", plus),
        ("offset", one_minus),
        ("not normalised", dot),
        ("one long vector", flattened),
        ("over the batch", wrong_axis),
        ("squared distance", paper),
        ("differs", classifier),
        ("wrong side detached", other_detached),
        ("units mixed", unit_parents),
        ("sides swapped", lam_on_j),
        ("sum for mean", summed),
        ("shape", each),
    ],
}
