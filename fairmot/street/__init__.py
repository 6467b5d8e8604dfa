"""A rendered street with people, for the demonstration, for training images and for tests."""

from fairmot.street.compose import StreetFrame
from fairmot.street.render import render_street
from fairmot.street.sequence import write_street

__all__ = ["StreetFrame", "render_street", "write_street"]
