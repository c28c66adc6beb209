"""What the exercises of notebook 00 share."""

import torch

# the centres of three clouds, for pictures
CENTRES = torch.tensor([[-0.5, -0.4], [0.5, -0.4], [0.0, 0.5]], dtype=torch.float64)
