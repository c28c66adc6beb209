"""The live lab, and sliders for a lesson; every widget also gives a static picture.

This is the only room that imports ipywidgets.
"""

from gantutor.course.lab.explore import Explore
from gantutor.course.lab.gallery import gallery
from gantutor.course.lab.live import Lab

__all__ = ["Explore", "Lab", "gallery"]
