"""The lab's data as plain literals: named distributions of the plane, and points that are drawn."""

import inspect

from gantutor import toy

MOST_POINTS = 400
BRUSH = 0.08  # std of a drawn point's Gaussian: the width of a finger on the square [-2, 2]

World = str | tuple[str, dict]


def world_literal(data) -> World:
    """`data` as the lab writes it down: a name in `gantutor.toy`, or (name, arguments).

    A list of points becomes a drawing. Raises ValueError for anything else.

    >>> world_literal([(0, 0.5)])
    ('points', {'xy': [(0.0, 0.5)], 'std': 0.08})
    """
    if isinstance(data, str):
        name, arguments = data, {}
    elif _is_pair(data):
        name, arguments = data
    else:
        try:
            xy = [(round(float(x), 3), round(float(y), 3)) for x, y in data]
        except (TypeError, ValueError):
            raise ValueError(
                f'data={data!r}: expected a name as "nine", ("ring", {{"std": 0.1}}) or points '
                "[(0, 0), (1, 2)]"
            ) from None
        name, arguments = "points", {"xy": xy, "std": BRUSH}
    if name == "points" and len(arguments.get("xy", ())) > MOST_POINTS:
        raise ValueError(
            f"{len(arguments['xy'])} points: a drawn world has at most {MOST_POINTS}, draw fewer"
        )
    world((name, arguments))  # raises for what cannot be made
    return (name, arguments) if arguments else name


def _is_pair(data) -> bool:
    """Whether the data are a name with its arguments."""
    if not isinstance(data, tuple) or len(data) != 2:
        return False
    return isinstance(data[0], str) and isinstance(data[1], dict)


def world(literal: World):
    """The distribution for a literal; raises ValueError for an unknown name or argument."""
    name, arguments = (literal, {}) if isinstance(literal, str) else literal
    makers = toy.BY_NAME | {"points": toy.points}
    if name not in makers:
        known = ", ".join(toy.BY_NAME)
        raise ValueError(f"data={name!r} is unknown; known: {known}, or points that you draw")
    try:
        return makers[name](**arguments)
    except TypeError:
        takes = ", ".join(inspect.signature(makers[name]).parameters)
        raise ValueError(f"data={literal!r}: {name} takes {takes}") from None
