"""Tokenizers of DNA language models; flat, as these files ship to the Hub."""

from .tokenization_kmer import (
    KmerTokenizer,
    build_kmer_tokenizer,
    kmer_tokenizer_from_vocabulary,
    with_genome_mode,
)
from .vocabulary import check_kmer_vocabulary, kmer_vocabulary, kmer_vocabulary_k, read_vocabulary

__all__ = [
    "KmerTokenizer",
    "build_kmer_tokenizer",
    "check_kmer_vocabulary",
    "kmer_tokenizer_from_vocabulary",
    "kmer_vocabulary",
    "kmer_vocabulary_k",
    "read_vocabulary",
    "with_genome_mode",
]
