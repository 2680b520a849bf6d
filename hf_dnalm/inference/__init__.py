"""Fine-tuned models and embeddings on new sequences: one loop, results in input order, the model left as it was."""

from hf_dnalm.inference.batches import DTYPES, TOKEN_BUDGETS, Batch, batch_indices, run_batches
from hf_dnalm.inference.embed import Embeddings, embed
from hf_dnalm.inference.predict import Predictions, predict
from hf_dnalm.inference.writers import write_predictions

__all__ = [
    "DTYPES",
    "TOKEN_BUDGETS",
    "Batch",
    "Embeddings",
    "Predictions",
    "batch_indices",
    "embed",
    "predict",
    "run_batches",
    "write_predictions",
]
