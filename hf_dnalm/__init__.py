"""DNA language models, native to the Hugging Face stack.

Importing this package registers its model classes with transformers' Auto classes, on their first use, and changes
nothing else. The public names below are imported on first use, so `import hf_dnalm` does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hf_dnalm import registry
from hf_dnalm.lazy import imported_on_first_use
from hf_dnalm.version import __version__ as __version__

if TYPE_CHECKING:  # "as" tells type checkers that the name is public
    from hf_dnalm.auto import AutoConfig as AutoConfig
    from hf_dnalm.auto import AutoModel as AutoModel
    from hf_dnalm.auto import AutoModelForCausalLM as AutoModelForCausalLM
    from hf_dnalm.auto import AutoModelForMaskedLM as AutoModelForMaskedLM
    from hf_dnalm.auto import AutoModelForSequenceClassification as AutoModelForSequenceClassification
    from hf_dnalm.auto import AutoModelForTokenClassification as AutoModelForTokenClassification
    from hf_dnalm.auto import AutoTokenizer as AutoTokenizer
    from hf_dnalm.auto import pipeline as pipeline
    from hf_dnalm.benchmarking import benchmark as benchmark
    from hf_dnalm.data import infer_task as infer_task
    from hf_dnalm.data import read_file as read_file
    from hf_dnalm.evaluation import evaluate as evaluate
    from hf_dnalm.evaluation import write_report as write_report
    from hf_dnalm.genome import Genome as Genome
    from hf_dnalm.genome import Interval as Interval
    from hf_dnalm.genome import Variant as Variant
    from hf_dnalm.genome import read_variants as read_variants
    from hf_dnalm.hub import export as export
    from hf_dnalm.inference import embed as embed
    from hf_dnalm.inference import embed_file as embed_file
    from hf_dnalm.inference import embed_tokens as embed_tokens
    from hf_dnalm.inference import log_likelihood as log_likelihood
    from hf_dnalm.inference import mutagenesis as mutagenesis
    from hf_dnalm.inference import predict as predict
    from hf_dnalm.inference import score_variants as score_variants
    from hf_dnalm.inference import score_variants_file as score_variants_file
    from hf_dnalm.suites import load_benchmark as load_benchmark
    from hf_dnalm.tasks import Task as Task
    from hf_dnalm.training import finetune as finetune
    from hf_dnalm.verification import verify as verify

__all__, __getattr__ = imported_on_first_use(
    __name__,
    {
        "version": ("__version__",),
        "auto": (
            "AutoConfig",
            "AutoTokenizer",
            "AutoModel",
            "AutoModelForCausalLM",
            "AutoModelForMaskedLM",
            "AutoModelForSequenceClassification",
            "AutoModelForTokenClassification",
            "pipeline",
        ),
        "tasks": ("Task",),
        "genome": ("Genome", "Interval", "Variant", "read_variants"),
        "data": ("infer_task", "read_file"),
        "suites": ("load_benchmark",),
        "inference": (
            "embed",
            "embed_file",
            "embed_tokens",
            "log_likelihood",
            "mutagenesis",
            "predict",
            "score_variants",
            "score_variants_file",
        ),
        "evaluation": ("evaluate", "write_report"),
        "training": ("finetune",),
        "benchmarking": ("benchmark",),
        "hub": ("export",),
        "verification": ("verify",),
    },
)


def __dir__() -> list[str]:
    return __all__


registry.install()
