"""Files and benchmarks as datasets, and datasets as batches of token ids."""

from hf_dnalm.data.collate import SequenceCollator
from hf_dnalm.data.encode import encode_dataset, encode_sequences
from hf_dnalm.data.files import infer_task, read_file
from hf_dnalm.data.splits import split_three, split_validation

__all__ = [
    "SequenceCollator",
    "encode_dataset",
    "encode_sequences",
    "infer_task",
    "read_file",
    "split_three",
    "split_validation",
]
