"""DNA language models, native to the Hugging Face stack.

Importing this package registers our model classes with transformers' Auto classes (when those are first used)
and changes nothing else. The public names below are imported on first use, so `import hf_dnalm` costs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hf_dnalm import registry
from hf_dnalm.lazy import imported_on_first_use

if TYPE_CHECKING:
    from hf_dnalm.auto import (
        AutoConfig,
        AutoModel,
        AutoModelForCausalLM,
        AutoModelForMaskedLM,
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
        pipeline,
    )
    from hf_dnalm.benchmarking.run import benchmark
    from hf_dnalm.data.benchmarks import load_benchmark
    from hf_dnalm.data.files import read_file
    from hf_dnalm.evaluation.evaluate import evaluate
    from hf_dnalm.evaluation.report import write_report
    from hf_dnalm.hub.export import export
    from hf_dnalm.inference.embed import embed
    from hf_dnalm.inference.embed_tokens import embed_tokens
    from hf_dnalm.inference.likelihood import log_likelihood
    from hf_dnalm.inference.mutagenesis import mutagenesis
    from hf_dnalm.inference.predict import predict
    from hf_dnalm.inference.variants import score_variants
    from hf_dnalm.tasks import Task
    from hf_dnalm.training.finetune import finetune
    from hf_dnalm.verification.verify import verify

__version__ = "0.1.0"

_HOME = {
    "AutoConfig": "auto",
    "AutoTokenizer": "auto",
    "AutoModel": "auto",
    "AutoModelForCausalLM": "auto",
    "AutoModelForMaskedLM": "auto",
    "AutoModelForSequenceClassification": "auto",
    "AutoModelForTokenClassification": "auto",
    "pipeline": "auto",
    "Task": "tasks",
    "read_file": "data",
    "load_benchmark": "data",
    "predict": "inference",
    "embed": "inference",
    "embed_tokens": "inference",
    "log_likelihood": "inference",
    "score_variants": "inference",
    "mutagenesis": "inference",
    "evaluate": "evaluation",
    "write_report": "evaluation",
    "finetune": "training",
    "benchmark": "benchmarking",
    "export": "hub",
    "verify": "verification",
}

__all__ = [
    "AutoConfig",
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForMaskedLM",
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoTokenizer",
    "Task",
    "__version__",
    "benchmark",
    "embed",
    "embed_tokens",
    "evaluate",
    "export",
    "finetune",
    "load_benchmark",
    "log_likelihood",
    "mutagenesis",
    "pipeline",
    "predict",
    "read_file",
    "score_variants",
    "verify",
    "write_report",
]


__getattr__ = imported_on_first_use(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__


registry.install()
