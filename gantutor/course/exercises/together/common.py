"""What the exercises on effects share: eight cells of made-up seeds."""


def cells(rng):
    """Logarithms of distances (2, 2, 2, n): a start, three effects, interactions and noise."""
    n = 3 + int(rng.randint(4, 1))
    return (rng.randn(2, 2, 2, 1) + 0.3 * rng.randn(2, 2, 2, n)).double()
