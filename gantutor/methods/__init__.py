"""The three papers, same-shaped, equation numbers beside the lines: adaptivemix, advlat, kdd."""

from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM, MIFGSM, PGD, HardPairs, ModeSeeking
from gantutor.methods.kdd import KDD, JacobianD

__all__ = ["AdaptiveMix", "IFGSM", "PGD", "MIFGSM", "HardPairs", "ModeSeeking", "KDD", "JacobianD"]
