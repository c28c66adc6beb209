"""Generators and discriminators: the latter are features, then a head, and return a Critique."""

from gantutor.nets.base import Critique, Discriminator, Labelled, call, full
from gantutor.nets.modes import MODES, latent_mode, modules_of
from gantutor.nets.norms import BatchNorm2d, no_power_iteration, spectral
from gantutor.nets.specs import ImageNets, check_classes, check_labels, classes_of, initialise

__all__ = [
    "MODES",
    "BatchNorm2d",
    "Critique",
    "Discriminator",
    "ImageNets",
    "Labelled",
    "call",
    "check_classes",
    "check_labels",
    "classes_of",
    "full",
    "initialise",
    "latent_mode",
    "modules_of",
    "no_power_iteration",
    "spectral",
]
