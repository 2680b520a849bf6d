"""Outputs that are NaN or infinite are refused, with the name of the record."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hf_dnalm import embed, embed_tokens, log_likelihood, mutagenesis, predict, score_variants
from hf_dnalm.genome import Genome, Variant
from hf_dnalm.inference.embedding_files import embed_file
from hf_dnalm.inference.finite import check_finite
from tests.cli.language_models import GENOME, refused, save, write_fasta, write_vcf
from tests.toys import hyenadna, nucleotide_transformer

SOUND, HIT = "ACGTACGTAC", "ACGNACGTACGTACG"  # only HIT has the token whose vector is damaged
NAMES = ["sound", "hit"]
MESSAGE = (
    r"^sequence 'hit': [\d,]+ of [\d,]+ output values (is|are) not finite \(-?(nan|inf)\)\. .*`dnalm verify MODEL`"
)


def damaged(head="base", value=float("nan"), toy=nucleotide_transformer):
    """A model in which the vector of N is not finite, and its tokenizer."""
    model, tokenizer = toy.toy_model(head), toy.toy_tokenizer()
    with torch.no_grad():
        model.get_input_embeddings().weight[tokenizer.convert_tokens_to_ids("N")] = value
    model.config.problem_type = "single_label_classification" if head in ("sequence", "token") else None
    return model, tokenizer


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e38])
@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_embed_refuses_a_vector_that_is_not_finite(value, pooling):
    with pytest.raises(ValueError, match=MESSAGE):
        embed(*damaged(value=value), [SOUND, HIT], names=NAMES, pooling=pooling)
    embed(*damaged(value=value), [SOUND], pooling=pooling)


def test_windows_are_refused_by_the_name_of_their_sequence():
    model, tokenizer = damaged()
    tokenizer.model_max_length = 6
    sequences = [SOUND * 4, SOUND * 4 + HIT]
    for function in (embed, embed_tokens):
        with pytest.raises(ValueError, match=MESSAGE):
            function(model, tokenizer, sequences, names=NAMES, overflow="windows")


@pytest.mark.parametrize("per", ["token", "nucleotide"])
def test_embed_tokens_refuses_vectors_that_are_not_finite(per):
    with pytest.raises(ValueError, match=MESSAGE):
        embed_tokens(*damaged(), [SOUND, HIT], names=NAMES, per=per)


@pytest.mark.parametrize("pooling", ["mean", "token"])
@pytest.mark.parametrize("overflow", ["error", "windows"])
def test_embed_file_refuses_and_writes_nothing(pooling, overflow, tmp_path):
    model, tokenizer = damaged()
    if overflow == "windows":
        tokenizer.model_max_length = 6
    path = write_fasta(tmp_path / "in.fa", dict(zip(NAMES, (SOUND * 4, SOUND * 4 + HIT), strict=True)))
    out = tmp_path / "out.npz"
    with pytest.raises(ValueError, match=MESSAGE):
        embed_file(model, tokenizer, path, out, pooling=pooling, overflow=overflow, shard_bp=20)
    assert not out.exists()


@pytest.mark.parametrize("head", ["sequence", "token"])
def test_predict_refuses_logits_that_are_not_finite(head):
    with pytest.raises(ValueError, match=MESSAGE):
        predict(*damaged(head), [SOUND, HIT], names=NAMES)


@pytest.mark.parametrize(("toy", "head"), [(nucleotide_transformer, "masked_lm"), (hyenadna, "causal_lm")])
def test_likelihoods_that_are_not_finite_are_refused(toy, head):
    with pytest.raises(ValueError, match=MESSAGE):
        log_likelihood(*damaged(head, toy=toy), [SOUND, HIT], names=NAMES)


def test_mutagenesis_refuses_scores_that_are_not_finite():
    with pytest.raises(ValueError, match=MESSAGE):
        mutagenesis(*damaged("masked_lm"), [HIT], names=["hit"])
    with pytest.raises(ValueError, match=r"^sequence '1': .* not finite"):
        mutagenesis(*damaged("masked_lm"), [HIT])


@pytest.mark.parametrize("alt", ["T", "TA"])
@pytest.mark.parametrize("method", ["llr", "cosine", "l2", "dot"])
def test_scores_of_variants_that_are_not_finite_are_refused(alt, method, tmp_path):
    write_fasta(tmp_path / "genome.fa", {"1": GENOME})
    variants = [Variant("1", 9, "C", "T"), Variant("1", 13, "A", alt)]
    model, tokenizer = damaged("masked_lm")
    with Genome(tmp_path / "genome.fa") as genome, pytest.raises(ValueError, match=r"^variant .* not finite \(nan\)"):
        score_variants(model, tokenizer, variants, genome, window_bp=12, method=method)


def excluding(letter_share=1.0, toy=nucleotide_transformer):
    """A model that gives some tokens a probability of exactly 0, and its tokenizer; logits of minus infinity."""
    model, tokenizer = toy.toy_model("masked_lm"), toy.toy_tokenizer()
    words = [index for word, index in tokenizer.get_vocab().items() if set(word) == {"A"}]
    with torch.no_grad():
        model.lm_head.bias[words] = -torch.inf
        model.lm_head.decoder.bias = model.lm_head.bias
    return model, tokenizer


def test_a_probability_of_exactly_0_is_an_answer():
    result = log_likelihood(*excluding(), ["CCCCCC", "AAACCC"])
    assert np.isfinite(result.nats[0])
    assert result.nats[1] == -np.inf
    assert result.bits_per_base[1] == np.inf


def test_a_ratio_to_a_reference_of_probability_0_is_not_defined():
    model, tokenizer = excluding()
    words = [index for word, index in tokenizer.get_vocab().items() if len(word) == 3 and word[1] == "A"]
    with torch.no_grad():
        model.lm_head.bias[words] = -torch.inf
    assert np.isneginf(mutagenesis(model, tokenizer, ["CCC"])[0].scores[1, 0])
    with pytest.raises(ValueError, match=r"^sequence 'x': .* letter A at position 1 \(0-based\) .* exactly 0"):
        mutagenesis(model, tokenizer, ["CAC"], names=["x"])


def test_a_ratio_of_two_probabilities_of_0_is_not_defined(tmp_path):
    write_fasta(tmp_path / "genome.fa", {"1": "CACCACCAC"})
    model, tokenizer = excluding()
    for word, index in tokenizer.get_vocab().items():
        if len(word) == 3 and word[1] in "AC":
            model.lm_head.bias.data[index] = -torch.inf
    with Genome(tmp_path / "genome.fa") as genome:
        with pytest.raises(ValueError, match=r"^variant .* both alleles a probability of exactly 0"):
            score_variants(model, tokenizer, [Variant("1", 4, "A", "C")], genome, window_bp=9, strands="forward")
        found = score_variants(model, tokenizer, [Variant("1", 4, "A", "G")], genome, window_bp=9, strands="forward")
    assert found.scores[0] == np.inf


def test_vectors_of_zeros_have_no_cosine(tmp_path):
    write_fasta(tmp_path / "genome.fa", {"1": GENOME})
    model, tokenizer = nucleotide_transformer.toy_model("masked_lm"), nucleotide_transformer.toy_tokenizer()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    variants = [Variant("1", 9, "C", "T")]
    with Genome(tmp_path / "genome.fa") as genome:
        with pytest.raises(ValueError, match=r"^variant .*: the vector of an allele is zero"):
            score_variants(model, tokenizer, variants, genome, window_bp=12, method="cosine")
        assert score_variants(model, tokenizer, variants, genome, window_bp=12, method="l2").scores[0] == 0


@pytest.mark.parametrize(
    ("dtype", "remedy"),
    [
        (torch.float32, r"Check the weights with `dnalm verify MODEL`; if they are damaged"),
        (torch.float16, r"run in float16: use float32 \(--dtype float32; in Python dtype=torch\.float32\)"),
        (None, r"Check the function or model"),
    ],
)
def test_the_message_says_what_to_do(dtype, remedy):
    with pytest.raises(ValueError, match=rf"^x: 2 of 3 output values are not finite \(inf\)\. .*{remedy}"):
        check_finite(np.array([1, np.inf, np.nan]), "x", dtype=dtype)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_log_probabilities_may_be_minus_infinity_and_nothing_else(value):
    check_finite(np.array([-np.inf, -1.0]), "x", zero_probability=True)
    with pytest.raises(ValueError, match="not finite"):
        check_finite(np.array([-np.inf, value]), "x", zero_probability=True)


@pytest.mark.parametrize(
    ("command", "head"),
    [
        (["embed"], "masked_lm"),
        (["embed", "--pooling", "nucleotide"], "masked_lm"),
        (["likelihood"], "masked_lm"),
        (["mutate"], "masked_lm"),
        (["predict"], "sequence"),
        (["evaluate"], "sequence"),
        (["cluster", "--test-per-class", "1"], "masked_lm"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_commands_refuse_by_name_and_write_nothing(command, head, tmp_path, capsys):
    folder = save(tmp_path / "model", head)
    model, tokenizer = damaged(head)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    table = tmp_path / "in.tsv"
    rows = [f"sound\t{SOUND}\tLABEL_0", f"hit\t{HIT}\tLABEL_1", *(f"{i}\t{SOUND}\tLABEL_{i % 2}" for i in range(8))]
    table.write_text("\n".join(["name\tsequence\tlabels", *rows, ""]))
    out = tmp_path / {"embed": "out.npz", "evaluate": "report", "cluster": "out.json"}.get(command[0], "out.tsv")
    line = refused(capsys, command[0], folder, table, *command[1:], "--output", out)
    assert "sequence 'hit': " in line
    assert "not finite (nan)" in line
    assert "dnalm verify" in line
    assert not out.exists()


def test_score_variants_refuses_by_the_name_of_the_variant(tmp_path, capsys):
    model, tokenizer = damaged("masked_lm")
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    genome = write_fasta(tmp_path / "genome.fa", {"1": GENOME})
    vcf = write_vcf(tmp_path / "in.vcf", "1\t20\t.\tC\tA")
    out = tmp_path / "out.tsv"
    line = refused(
        capsys, "score-variants", tmp_path / "model", vcf, "--reference", genome, "--output", out, "--window-bp", "20"
    )
    assert "not finite" in line
    assert "variant 1:" in line
