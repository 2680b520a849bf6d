"""The version of this package, which every output records."""

__version__ = "0.1.0"
