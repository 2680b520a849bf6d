"""BEND: frozen embeddings of a genome's regions, a small network on each, and variants scored without training."""
