"""Flextell: third-party applications act for a person, safely."""

__version__ = "0.1.0"
