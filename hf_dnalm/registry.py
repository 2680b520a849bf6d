"""The one place that knows all families: registers our classes with the Auto classes, finds the family of a config."""


def install() -> None:
    """Placeholder until the registry lands."""
