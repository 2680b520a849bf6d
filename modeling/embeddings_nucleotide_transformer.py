"""Input of a Nucleotide Transformer: token vectors, with learned positions and token dropout in version 1.

Legend: b sequences, n tokens.
"""

from __future__ import annotations

import torch
from torch import nn

from .attention import check_mask_of_tokens

# Pre-training masked 15 % of the tokens and wrote <mask> over 80 % of these: the share of zeroed embeddings it saw.
PRETRAINING_MASK_RATIO = 0.15 * 0.8


class NucleotideTransformerEmbeddings(nn.Module):
    """Vectors of tokens, with learned positions and token dropout where the config has them."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.word_embeddings: nn.Module = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        if config.position_embedding_type == "absolute":
            self.position_embeddings = nn.Embedding(
                config.max_position_embeddings, config.hidden_size, padding_idx=config.pad_token_id
            )
        if config.emb_layer_norm_before:
            self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        position_ids: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
    ) -> torch.Tensor:
        """(b, n) ids, or (b, n, hidden) vectors in their place → (b, n, hidden), zero outside the mask."""
        embeddings = self._look_up(input_ids, inputs_embeds)
        tokens_mask = attention_mask if attention_mask is not None and attention_mask.dim() == 2 else None
        if tokens_mask is not None:
            check_mask_of_tokens(tokens_mask, embeddings)
        if self.config.token_dropout:
            embeddings = self._drop_tokens(embeddings, input_ids, tokens_mask)
        if self.config.position_embedding_type == "absolute":
            if position_ids is None:
                position_ids = self._positions(input_ids, embeddings)
            embeddings = embeddings + self.position_embeddings(position_ids)
        if self.config.emb_layer_norm_before:
            embeddings = self.layer_norm(embeddings)
        if tokens_mask is not None:
            embeddings = embeddings * tokens_mask.to(embeddings)[..., None]
        return embeddings

    def _look_up(self, input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor | None) -> torch.Tensor:
        if input_ids is None and inputs_embeds is not None:
            return inputs_embeds
        if input_ids is None or inputs_embeds is not None:
            raise ValueError("pass exactly one of input_ids and inputs_embeds.")
        try:
            return self.word_embeddings(input_ids)
        except IndexError as error:  # on an accelerator the kernel asserts: check ids where they are made
            raise ValueError(
                f"a token id is outside the model's {self.config.vocab_size:,} tokens (ids go from "
                f"{int(input_ids.min())} to {int(input_ids.max())}). The tokenizer of version 1 has two more, <eos> "
                "and <bos>: remove these tokens from the text."
            ) from error

    def _drop_tokens(
        self, embeddings: torch.Tensor, input_ids: torch.Tensor | None, tokens_mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Zero the mask tokens and scale the rest to the sum that pre-training saw; without masks too, by 0.88.

        Vectors given in place of ids count as unmasked tokens.
        """
        if input_ids is None:
            return embeddings * (1 - PRETRAINING_MASK_RATIO)
        masked = input_ids == self.config.mask_token_id
        attended = input_ids.shape[1] if tokens_mask is None else tokens_mask.sum(dim=1).clamp(min=1)
        unmasked_ratio = 1 - masked.sum(dim=1).float() / attended
        scale = (1 - PRETRAINING_MASK_RATIO) / unmasked_ratio[:, None, None]
        return (embeddings.masked_fill(masked[..., None], 0.0) * scale).to(embeddings.dtype)

    def _positions(self, input_ids: torch.Tensor | None, embeddings: torch.Tensor) -> torch.Tensor:
        """Row of the position table for each token: the first real one has pad + 1, padding has its own row."""
        length, pad = embeddings.shape[1], self.config.pad_token_id
        if input_ids is None:
            positions = torch.arange(pad + 1, length + pad + 1, device=embeddings.device)
        else:
            real = input_ids.ne(pad)
            positions = real.cumsum(dim=1) * real + pad
        limit = self.config.max_position_embeddings - pad - 1
        if length > limit and int(positions.max()) > limit + pad:  # a row may be longer by its padding
            raise ValueError(
                f"{length:,} tokens are more than the {limit:,} this model has learned positions for, CLS included: "
                "split or shorten the sequence."
            )
        return positions
