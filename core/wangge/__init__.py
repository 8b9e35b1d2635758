"""Wangge (网格): a low-code plugin platform with a headless core for community grid management.

This is the whole surface for modules (MODULES of the design): everything else of the core is private.
"""

from .hookspecs import hookimpl
from .surface import Flag, Query, Ref, Rejected, Warn
from .values import Actor, Area, Batch, Change, City, Patch, Unit

__all__ = [
    "Actor",
    "Area",
    "Batch",
    "Change",
    "City",
    "Flag",
    "Patch",
    "Query",
    "Ref",
    "Rejected",
    "Unit",
    "Warn",
    "hookimpl",
]
