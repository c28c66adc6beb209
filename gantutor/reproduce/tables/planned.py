"""The row that the parameters of notebook 10 ask for."""

import dataclasses

from gantutor.recipes import Adam, Ema
from gantutor.reproduce.tables.index import find
from gantutor.reproduce.tables.names import SAMPLERS, compose
from gantutor.reproduce.tables.row import Row, thinned


def planned(cfg, images: dict) -> Row:
    """The Row for a FullRunConfig `cfg`: a row of the papers, or one composed of names.

    `images` describes the data: {"channels": 3, "classes": 10}. Where the parameters give no value,
    the row's own is used. Raises ValueError where a row has no such part to change, such as betas
    where its optimiser is RMSprop.
    """
    row = _composed(cfg, images) if cfg.row is None else _changed(find(cfg.row), cfg, images)
    changes = {"split": cfg.split, "reference": cfg.reference, "n_fake": cfg.n_fake}
    changes = {name: value for name, value in changes.items() if value}
    if cfg.sampler is not None:
        changes["sampler"] = SAMPLERS[cfg.sampler]
    return dataclasses.replace(row, **changes)


def _composed(cfg, images: dict) -> Row:
    size, steps = cfg.size or cfg.usual_size, cfg.steps or 100_000
    recipe = compose(
        cfg.nets,
        cfg.objective,
        cfg.term_list,
        cfg.qua_eps,
        cfg.augment,
        cfg.width,
        size,
        lr=cfg.lr or 2e-4,
        betas=(cfg.beta1, cfg.beta2),
        batch=cfg.batch or 64,
        n_dis=cfg.n_dis,
        order="epochs",
        decay=steps if cfg.decay else None,
        ema=_average(cfg, None, steps),
        **images,
    )
    return Row("composed", recipe, cfg.dataset or "digits", size, steps)


def _changed(row: Row, cfg, images: dict) -> Row:
    """A row with the values that the parameters give in place of its own."""
    r, steps = row.recipe, cfg.steps or row.steps
    decays = r.decay is not None if cfg.decay is None else cfg.decay
    changes = {
        "nets": _resized(r.nets, cfg, images),
        "g_opt": _paced(r.g_opt, cfg),
        "d_opt": _paced(r.d_opt, cfg),
        "decay": steps if decays else None,
        "ema": _average(cfg, r.ema, steps),
    }
    if cfg.batch:
        changes["batch"] = cfg.batch
        changes["g_batch"] = r.g_batch and cfg.batch * r.g_batch // r.batch
    if cfg.n_dis:
        changes["n_dis"] = cfg.n_dis
    data, size = cfg.dataset or row.data, cfg.size or row.size
    return dataclasses.replace(row, recipe=r.but(**changes), steps=steps, data=data, size=size)


def _resized(nets, cfg, images: dict):
    """Nets for these images, with the width and the side that the parameters give."""
    changes = {"channels": images["channels"]} if "channels" in images else {}
    if nets.classes and "classes" in images:
        changes["classes"] = images["classes"]
    if cfg.width:
        changes |= thinned(nets, cfg.width / 64)
    if cfg.size:
        changes["size"] = cfg.size
    return dataclasses.replace(nets, **changes)


def _paced(rule, cfg):
    """An optimiser with the learning rate and the betas that the parameters give."""
    if cfg.lr:
        rule = dataclasses.replace(rule, lr=cfg.lr)
    if cfg.beta1 is None and cfg.beta2 is None:
        return rule
    if not isinstance(rule, Adam):
        raise ValueError(
            f"beta1={cfg.beta1}, beta2={cfg.beta2}: row={cfg.row!r} is trained by {rule}, "
            "which has no betas: leave them"
        )
    beta1, beta2 = rule.betas
    beta1 = beta1 if cfg.beta1 is None else cfg.beta1
    beta2 = beta2 if cfg.beta2 is None else cfg.beta2
    return dataclasses.replace(rule, betas=(beta1, beta2))


def _average(cfg, own: Ema | None, steps: int) -> Ema | None:
    """The moving average that the parameters ask for, `own` being the row's.

    A row's own average keeps the paper's start. One that is asked for without a start begins after
    a tenth of the steps, or 1000 if that is less: a start beyond the last step would make it a copy
    of G.
    """
    decay = (own.decay if own else 0.0) if cfg.ema is None else cfg.ema
    if not decay:
        if cfg.ema_start is not None:
            raise ValueError(f"ema_start={cfg.ema_start}: there is no moving average: give ema too")
        return None
    if cfg.ema_start is not None:
        start = cfg.ema_start
    elif cfg.ema is None:
        return own
    else:
        start = min(own.start if own else 1000, steps // 10)
    if start >= steps:
        raise ValueError(f"ema_start={start}: the run ends after {steps} steps: begin earlier")
    return Ema(decay, start)
