"""Predictions, embeddings, likelihoods and variant effects; results keep the input order, the model is not changed."""

from hf_dnalm.inference.batches import DTYPES, TOKEN_BUDGETS, Batch, batch_indices, run_batches
from hf_dnalm.inference.embedding_files import EmbeddedFile, embed_file
from hf_dnalm.inference.embeddings import Embeddings, embed
from hf_dnalm.inference.likelihood import Likelihoods, log_likelihood
from hf_dnalm.inference.predictions import Predictions, predict
from hf_dnalm.inference.score_writers import write_variant_scores
from hf_dnalm.inference.substitutions import Mutagenesis, mutagenesis
from hf_dnalm.inference.token_embeddings import TokenEmbeddings, embed_tokens
from hf_dnalm.inference.variant_files import ScoredFile, score_variants_file
from hf_dnalm.inference.variants import VariantScores, score_variants
from hf_dnalm.inference.vector_writers import write_embeddings
from hf_dnalm.inference.writers import write_predictions

__all__ = [
    "DTYPES",
    "TOKEN_BUDGETS",
    "Batch",
    "EmbeddedFile",
    "Embeddings",
    "Likelihoods",
    "Mutagenesis",
    "Predictions",
    "ScoredFile",
    "TokenEmbeddings",
    "VariantScores",
    "batch_indices",
    "embed",
    "embed_file",
    "embed_tokens",
    "log_likelihood",
    "mutagenesis",
    "predict",
    "run_batches",
    "score_variants",
    "score_variants_file",
    "write_embeddings",
    "write_predictions",
    "write_variant_scores",
]
