"""Heads that turn hidden states into predictions of tokens, classes or values; their losses and model outputs."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_outputs import (
    CausalLMOutput,
    MaskedLMOutput,
    ModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)


def classifier_dropout(config) -> float:
    return config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout


class MaskedLMHead(nn.Module):
    """Scores of every token of the vocabulary at every position: (batch, tokens, hidden) → (…, vocab_size)."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        hidden_states = self.layer_norm(functional.gelu(self.dense(hidden_states)))
        return self.decoder(hidden_states) + self.bias


class SequenceHead(nn.Module):
    """Scores of each label for a whole sequence: two projections with tanh between them."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.out_proj = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """(batch, hidden), one vector for each sequence → (batch, num_labels)."""
        return self.out_proj(self.dropout(torch.tanh(self.dense(self.dropout(pooled)))))


def masked_lm_output(
    outputs: ModelOutput,
    logits: torch.Tensor,
    labels: torch.Tensor | None,
    num_items_in_batch: torch.Tensor | int | None = None,
) -> MaskedLMOutput:
    """Output of a masked language model: logits (b, n, v), and with labels (b, n) the loss of `token_loss`."""
    loss = None if labels is None else token_loss(logits, labels, num_items_in_batch)
    return MaskedLMOutput(loss=loss, logits=logits, **_states(outputs))


def causal_lm_output(
    outputs: ModelOutput,
    logits: torch.Tensor,
    labels: torch.Tensor | None,
    num_items_in_batch: torch.Tensor | int | None = None,
    shift_labels: torch.Tensor | None = None,
) -> CausalLMOutput:
    """Output of a causal language model: logits (b, n, v) of the next token, and with labels (b, n) the loss.

    Labels are at the positions of their tokens, as everywhere in transformers, and are shifted here. `shift_labels`,
    which are already shifted, take precedence.
    """
    loss = None
    if shift_labels is not None:
        loss = token_loss(logits, shift_labels, num_items_in_batch)
    elif labels is not None:
        loss = token_loss(logits[:, :-1], labels[:, 1:], num_items_in_batch)
    return CausalLMOutput(loss=loss, logits=logits, **_states(outputs))


def sequence_output(
    outputs: ModelOutput, logits: torch.Tensor, labels: torch.Tensor | None, config
) -> SequenceClassifierOutput:
    """Output of a sequence head: logits (b, num_labels), and with labels the loss of `sequence_loss`.

    A config without a problem type gets that of the first labels, as in transformers' own heads, so the saved model
    states the meaning of its outputs.
    """
    loss = None
    if labels is not None:
        problem_type = config.problem_type or problem_of(labels, logits.shape[-1])
        loss = sequence_loss(logits, labels, problem_type)
        config.problem_type = problem_type
    return SequenceClassifierOutput(loss=loss, logits=logits, **_states(outputs))


def token_output(
    outputs: ModelOutput,
    logits: torch.Tensor,
    labels: torch.Tensor | None,
    bases_per_token: torch.Tensor | None = None,
    *,
    problem_type: str | None = None,
) -> TokenClassifierOutput:
    """Output of a token head: logits of every token, or with `bases_per_token` of every nucleotide.

    Args:
        logits: (b, n, num_labels), of tokens.
        labels: (b, n), or (b, bp) with `bases_per_token`; -100 at positions to ignore. For several labels each, see
            `multi_label_token_loss`.
        bases_per_token: (b, n), bp that each token covers.
        problem_type: "multi_label_classification" if a position may have several labels; otherwise it has one class.
    """
    if bases_per_token is not None:
        # Reading the bp of the batch from a tensor would break a compiled graph, which trusts the labels instead.
        length_bp = labels.shape[1] if labels is not None and torch.compiler.is_compiling() else None
        logits = logits_per_nucleotide(logits, bases_per_token, length_bp)
    loss_function = multi_label_token_loss if problem_type == "multi_label_classification" else token_loss
    loss = None if labels is None else loss_function(logits, labels)
    return TokenClassifierOutput(loss=loss, logits=logits, **_states(outputs))


def _states(outputs: ModelOutput) -> dict[str, tuple[torch.Tensor, ...] | None]:
    """Hidden states and attentions of the body; a body without attention has no attentions."""
    return {name: outputs.get(name) for name in ("hidden_states", "attentions")}


def logits_per_nucleotide(
    logits: torch.Tensor, bases_per_token: torch.Tensor, length_bp: int | None = None
) -> torch.Tensor:
    """Give every nucleotide the logits of the token that covers it.

    Args:
        logits: (batch, tokens, labels).
        bases_per_token: (batch, tokens), bp that each token covers; 0 for CLS and padding.
        length_bp: bp of the result; None takes the longest sequence of the batch.

    Returns:
        (batch, bp, labels), zero past the end of a sequence.

    Example:
        >>> logits_per_nucleotide(torch.tensor([[[9.0], [5.0], [7.0]]]), torch.tensor([[0, 3, 1]])).flatten()
        tensor([5., 5., 5., 7.])
    """
    ends = bases_per_token.cumsum(dim=1)
    if length_bp is None:
        length_bp = int(ends[:, -1].max())
    nucleotides = torch.arange(length_bp, device=logits.device).expand(logits.shape[0], -1).contiguous()
    token_of_nucleotide = torch.searchsorted(ends, nucleotides, right=True).clamp(max=logits.shape[1] - 1)
    expanded = logits.gather(1, token_of_nucleotide[..., None].expand(-1, -1, logits.shape[-1]))
    return expanded.masked_fill((nucleotides >= ends[:, -1:])[..., None], 0.0)


def token_loss(
    logits: torch.Tensor, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Cross entropy in nats, averaged over the labels that are not -100.

    Args:
        logits: (batch, n, classes).
        labels: (batch, n).
        num_items_in_batch: labels to average over if a batch is spread over several calls.

    Raises:
        ValueError: not one label for each row of logits.
    """
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"labels have shape {tuple(labels.shape)}, the predictions {tuple(logits.shape[:-1])}: give one label per "
            "position, and -100 to ignore a position."
        )
    logits, labels = logits.flatten(0, -2).float(), labels.to(logits.device).flatten()
    if num_items_in_batch is None:
        return functional.cross_entropy(logits, labels)
    return functional.cross_entropy(logits, labels, reduction="sum") / num_items_in_batch


def multi_label_token_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy in nats, averaged over the labels that are not -100.

    Args:
        logits: (batch, n, num_labels).
        labels: (batch, n, num_labels), 0, 1 or -100.

    Raises:
        ValueError: labels of another shape.

    Example:
        >>> multi_label_token_loss(torch.tensor([[[0.0, 50.0]]]), torch.tensor([[[1, -100]]])).exp()
        tensor(2.)
    """
    _check_shape(labels, logits, "multi_label_classification")
    labels = labels.to(logits.device).float()
    known = labels != -100
    losses = functional.binary_cross_entropy_with_logits(logits.float(), labels, reduction="none")
    return losses.masked_fill(~known, 0.0).sum() / known.sum()


def sequence_loss(logits: torch.Tensor, labels: torch.Tensor, problem_type: str | None) -> torch.Tensor:
    """Mean loss of a sequence head.

    Args:
        logits: (batch, num_labels).
        labels: class numbers (batch,); 0/1 for each label (batch, num_labels); or values, (batch,) for one output.
        problem_type: "single_label_classification" (cross entropy), "multi_label_classification" (binary cross entropy
            per label) or "regression" (squared error). None decides by `problem_of`.

    Raises:
        ValueError: labels whose shape does not fit, or an unknown problem type.
    """
    problem_type = problem_type or problem_of(labels, logits.shape[-1])
    logits, labels = logits.float(), labels.to(logits.device)
    if problem_type == "single_label_classification":
        _check_shape(labels.view(-1), logits[:, 0], problem_type)
        return functional.cross_entropy(logits, labels.view(-1))
    if problem_type not in ("multi_label_classification", "regression"):
        raise ValueError(
            f"problem_type is {problem_type!r}; choose from 'single_label_classification', "
            "'multi_label_classification', 'regression'."
        )
    if logits.shape[-1] == 1 and labels.dim() == 1:
        labels = labels[:, None]
    _check_shape(labels, logits, problem_type)  # losses would silently broadcast (b, 1) against (b,) to (b, b)
    if problem_type == "regression":
        return functional.mse_loss(logits, labels.float())
    return functional.binary_cross_entropy_with_logits(logits, labels.float())


def problem_of(labels: torch.Tensor, num_labels: int) -> str:
    """The problem type of labels by transformers' rule: one output is a regression, integers are classes.

    >>> problem_of(torch.tensor([0, 2]), 3), problem_of(torch.tensor([[0.0, 1.0]]), 2), problem_of(torch.tensor([4]), 1)
    ('single_label_classification', 'multi_label_classification', 'regression')
    """
    if num_labels == 1:
        return "regression"
    return "multi_label_classification" if labels.is_floating_point() else "single_label_classification"


def _check_shape(labels: torch.Tensor, predictions: torch.Tensor, problem_type: str) -> None:
    if labels.shape != predictions.shape:
        raise ValueError(
            f"labels of shape {tuple(labels.shape)} do not fit {problem_type} with predictions of shape "
            f"{tuple(predictions.shape)}."
        )
