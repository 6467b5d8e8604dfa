"""A rendered street with people, for the demonstration, for training pictures and for tests."""

from fairmot.data.street.compose import StreetFrame
from fairmot.data.street.render import render_street
from fairmot.data.street.sequence import write_street

__all__ = ["StreetFrame", "render_street", "write_street"]
