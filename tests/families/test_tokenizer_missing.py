"""A model without its own tokenizer is refused everywhere: transformers would make one up that knows no DNA."""

from __future__ import annotations

import re
import shutil

import pytest

import hf_dnalm
from hf_dnalm.verification import verify

NAMES = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json")
# The published folders of HyenaDNA hold no file of a tokenizer: the model's config says what it reads.
WITHOUT_FILES = {"hyenadna"}
# Told from other models by the file that is missing.
TOLD_BY_VOCABULARY = {"dnabert2", "gena_bigbird", "grover", "moderngena"}
MISSING = r"has no tokenizer: |no vocabulary file is there \(.*|neither "


def without_tokenizer(folder, to, names=NAMES):
    shutil.copytree(folder, to)
    for name in names:
        (to / name).unlink(missing_ok=True)
    return to


@pytest.fixture
def bare(family, published, tmp_path):
    if family.name in WITHOUT_FILES:
        pytest.skip("reads single letters, which its config says")
    return without_tokenizer(published, tmp_path / "bare")


def test_a_folder_without_a_vocabulary_is_refused_and_the_missing_file_named(family, bare):
    named = "has no tokenizer: " if family.name not in TOLD_BY_VOCABULARY else MISSING
    files = re.escape(" and ".join(family.passport.tokenizer_files))
    with pytest.raises(ValueError, match=f"({named}){files}") as refused:
        hf_dnalm.AutoTokenizer.from_pretrained(bare)
    assert str(bare) in str(refused.value)


def test_settings_alone_are_no_tokenizer(family, published, tmp_path):
    if (published / "tokenizer.json").is_file() or (published / "vocab.txt").is_file():
        folder = without_tokenizer(published, tmp_path / "bare", ("tokenizer.json", "vocab.txt"))
        with pytest.raises(ValueError, match=MISSING):
            hf_dnalm.AutoTokenizer.from_pretrained(folder)


def test_a_cache_without_the_vocabulary_is_refused(family, bare, tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "cache" / "models--owner--name"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    shutil.copytree(bare, repository / "snapshots" / commit)
    where = {"cache_dir": tmp_path / "cache", "local_files_only": True}
    with pytest.raises(ValueError, match=f"owner/name: .*({MISSING})"):
        hf_dnalm.AutoTokenizer.from_pretrained("owner/name", **where)


def test_verify_fails_with_the_missing_file_and_export_refuses(family, bare, tmp_path):
    (check, *_) = verify(bare, family=family.name).checks
    assert (check.name, check.outcome) == ("tokenizer", "FAILED")
    assert family.passport.tokenizer_files[0] in check.details[0]
    with pytest.raises(ValueError, match=MISSING):
        hf_dnalm.export(bare, tmp_path / "out", family=family.name)
    assert not (tmp_path / "out").exists()


def test_the_tokenizer_of_another_family_is_refused(family, published, upstream_folders, tmp_path):
    """The one that BERT has: words of English, fewer than the embedding's rows, or of k-mers, more than those."""
    from tests.families.family import FAMILIES

    taken = 0
    for other in FAMILIES:
        if other.passport.tokenizer_class == family.passport.tokenizer_class or other.name == "hyenadna":
            continue
        folder = without_tokenizer(published, tmp_path / other.name)
        for name in NAMES:
            file = upstream_folders.of(other, None) / name
            if file.is_file():
                shutil.copy(file, folder)
        rows = hf_dnalm.AutoConfig.from_pretrained(published).vocab_size
        if not rows / 2 < len(other.tokenizer) <= rows + 3:  # then nothing but the special ids tells them apart
            with pytest.raises(ValueError, match=r"do not belong together|has no place|another model"):
                hf_dnalm.AutoTokenizer.from_pretrained(folder)
            taken += 1
    assert taken
