"""Tiny models and folders that stand in for the published ones: a module for each family, all of one interface.

`tests/families/` finds the toy of a passport by `passport.family` and asks every family the same questions.

What every toy has:

- `CLASSES`: "base", "masked_lm" or "causal_lm", "sequence" and "token" → class
- `toy_config(**changes)`: two layers or so, a few thousand numbers, initial weights large enough to tell (0.3)
- `toy_model(head, *, seed=0, **changes)`: in evaluation mode, biases not zero; takes `attn_implementation` where the
  family has attention; other changes go to `toy_config`
- `toy_tokenizer()`: the one of the upstream folder
- `write_upstream(folder, *, seed=0)` → folder: the published layout, which the doors recognise by its content

What a toy may declare, where its family differs; each exception is tested too, so that a stale one fails:

- `SEQUENCES`: DNA of mixed lengths that the toy reads, where the usual 8 to 29 bp leave out a path worth testing
- `CLOSE`: tolerances in float32 of a batch against its sequences alone; usually 2e-5 absolute, 1e-4 relative
- `REFUSES`: "right_padding", "left_padding", "holes" (of the mask) or "inputs_embeds" (in some flavours) → pattern of
  the ValueError that such input raises
- `CANNOT`: "compile", "gradient_checkpointing" or "lora" → the reason
- `NO_GRADIENT`: patterns (whole names) of parameters that by mathematics get a gradient of zero or none
- `BFLOAT16_ERROR`: of hidden states in bfloat16, root mean square over their standard deviation; usually 0.05
- `hidden_widths(config)`: the last size of each of the hidden states; usually `hidden_size`, once more than layers
- `FLAVOURS`: name → changes of the config, where the family has more kinds of models than the one of `toy_config`
- `LAYOUTS`: values of an argument `layout` of `write_upstream`, for published layouts that the same tokenizer reads
- `NO_EXPORT`: "torch.export" or "ONNX" → pattern of the flavours that cannot be exported for any batch and length
- `CONFORMANCE_EXEMPT`: pattern of names of transformers' tests, which fail → the reason; "Pre*::test_…" is of the
  flavours of such a name alone
"""
