"""Commands refuse an adapter that was trained over weights that are stored nowhere: its predictions would be random."""

from __future__ import annotations

import pytest
from peft import LoraConfig, get_peft_model

import hf_dnalm
from hf_dnalm.cli.main import main
from tests.toys import dnabert2


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """A LoRA adapter on DNABERT-2, whose published file has no pooler, as PEFT alone saves it."""
    folder = tmp_path_factory.mktemp("adapter")
    base = dnabert2.write_upstream(folder / "base")
    model = hf_dnalm.AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
    model.newly_initialised = frozenset()  # as a process without this package leaves it
    adapted = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", target_modules=["Wqkv"], r=2))
    adapted.save_pretrained(folder / "adapter")
    model.config.problem_type = "single_label_classification"
    model.config.save_pretrained(folder / "adapter")
    (folder / "rows.csv").write_text("sequence,label\nACGTTTGCATACGGATTC,0\nTTACGCGAAATGCCATAG,1\n")
    return folder


@pytest.mark.parametrize("command", ["predict", "evaluate", "export"])
def test_a_command_refuses_the_adapter_and_says_how_to_train_it_again(command, adapter, capsys):
    with pytest.raises(SystemExit) as left:
        main(
            [
                command,
                str(adapter / "adapter"),
                *([] if command == "export" else [str(adapter / "rows.csv")]),
                *(["--output", str(adapter / "out")] if command != "predict" else []),
            ]
        )
    assert left.value.code == 2
    printed = capsys.readouterr()
    assert "the adapter was trained with bert.pooler" in printed.err
    assert "modules_to_save=['bert.pooler']" in printed.err
    assert not printed.out
    assert not (adapter / "out").exists()
