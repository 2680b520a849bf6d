"""The template of the model cards, and the rendered card of every published checkpoint."""
