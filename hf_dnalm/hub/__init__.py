"""Ready for the Hub: folders that strangers load with torch and transformers alone, and the cards that go with them."""

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
