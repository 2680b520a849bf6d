"""Tiny models and folders that stand in for the published ones, a module for each family, all of one interface.

`CLASSES` ("base", "masked_lm" or "causal_lm", "sequence", "token" → class), `toy_config(**changes)`,
`toy_model(head, *, seed=0, **changes)`, `toy_tokenizer()` and `write_upstream(folder, *, seed=0)`.
"""
