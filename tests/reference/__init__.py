"""What the authors' models compute, written out in float64 with numpy, from their own config.json and tensor names.

These are the numbers that every clone holds our models to. They share no code with `modeling/`: no torch, no masks that
broadcast, one sequence at a time, loops where the definition has a sum. `tests/modeling/test_reference.py` first shows
that they give what the authors' code gave (`../shared/goldens`, where that folder is), and then that our models give
the same for other weights.

Every function takes the stored tensors by their published names, config.json, the ids (n,) of one sequence and, where
the family has one, its attention mask (n,) of 0 and 1, and returns an `Answer`.
"""
