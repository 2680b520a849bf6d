"""Tokenizers of DNA language models; flat, as these files ship to the Hub."""

from .dna_tokenizer import DnaTokenizer, as_trained, with_genome_mode
from .overlapping_kmers import (
    check_overlapping_kmer_vocabulary,
    overlapping_kmer_vocabulary,
    overlapping_kmer_vocabulary_k,
)
from .tokenization_dna_bpe import (
    DnaBpeTokenizer,
    is_dna_bpe,
    is_word_list,
    longest_match_tokenizer_from_vocabulary,
    without_limits,
)
from .tokenization_kmer import (
    KmerTokenizer,
    build_kmer_tokenizer,
    kmer_tokenizer_from_vocabulary,
)
from .tokenization_nucleotide import NucleotideTokenizer, build_nucleotide_tokenizer, is_nucleotide, with_edges
from .tokenization_overlapping_kmer import (
    OverlappingKmerTokenizer,
    build_overlapping_kmer_tokenizer,
    overlapping_kmer_tokenizer_from_vocabulary,
)
from .vocabulary import check_kmer_vocabulary, kmer_vocabulary, kmer_vocabulary_k, read_vocabulary
from .vocabulary_fit import unreadable_dna, vocabulary_mismatch

__all__ = [
    "DnaBpeTokenizer",
    "DnaTokenizer",
    "KmerTokenizer",
    "NucleotideTokenizer",
    "OverlappingKmerTokenizer",
    "as_trained",
    "build_kmer_tokenizer",
    "build_nucleotide_tokenizer",
    "build_overlapping_kmer_tokenizer",
    "check_kmer_vocabulary",
    "check_overlapping_kmer_vocabulary",
    "is_dna_bpe",
    "is_nucleotide",
    "is_word_list",
    "kmer_tokenizer_from_vocabulary",
    "kmer_vocabulary",
    "kmer_vocabulary_k",
    "longest_match_tokenizer_from_vocabulary",
    "overlapping_kmer_tokenizer_from_vocabulary",
    "overlapping_kmer_vocabulary",
    "overlapping_kmer_vocabulary_k",
    "read_vocabulary",
    "unreadable_dna",
    "vocabulary_mismatch",
    "with_edges",
    "with_genome_mode",
    "without_limits",
]
