"""Export for the Hub: self-contained model folders and model cards."""

from hf_dnalm.hub.card import render_card, render_checkpoint_card, write_checkpoint_cards
from hf_dnalm.hub.model_folder import ExportResult, export
from hf_dnalm.hub.models_page import render_models_page, write_models_page

__all__ = [
    "ExportResult",
    "export",
    "render_card",
    "render_checkpoint_card",
    "render_models_page",
    "write_checkpoint_cards",
    "write_models_page",
]
