"""The tests that transformers runs on its own models, run on ours: `python -m tests.conformance`."""
