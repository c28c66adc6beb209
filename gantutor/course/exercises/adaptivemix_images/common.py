"""What the exercises of notebook 07 share."""

# measures of the package and of the lesson, which an answer must not call
MEASURES = (
    "lipschitz_ratio",
    "feature_rms",
    "bend",
    "stretches",
    "mix_path",
    "gaps",
)
