"""Hub ids: the pinned commit, revisions, tokens and the cache, against a small server that answers as the Hub does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.toys.dnabert2 import write_upstream

PINNED = "81b29e57" + "0" * 32
MAIN = "f" * 40
HUB_ID = "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"

CODE = """
import json, sys
from hf_dnalm import AutoModelForMaskedLM, AutoTokenizer
for arguments in json.loads(sys.argv[2]):
    model, info = AutoModelForMaskedLM.from_pretrained(sys.argv[1], output_loading_info=True, **arguments)
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], **arguments)
    print("\\nSEEN", type(model).__name__, tokenizer.k, sum(map(len, info.values())), model.name_or_path)
"""
SEEN = f"NucleotideTransformerForMaskedLM 3 0 {HUB_ID}"


class Hub(BaseHTTPRequestHandler):
    """One repository, the same at every revision, private; remembers what it was asked for."""

    folder: Path
    asked: set[str]

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def log_message(self, *args):
        pass

    def answer(self, *, with_body: bool) -> None:
        if self.headers.get("Authorization") != "Bearer secret":
            return self.reply(401, b"", {"X-Error-Code": "GatedRepo"})
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            sha = PINNED if parts[-1].startswith("81b29e57") else MAIN
            return self.reply(200, json.dumps({"id": HUB_ID, "sha": sha, "siblings": []}).encode(), {})
        revision, name = parts[3], "/".join(parts[4:])
        self.asked.add(revision)
        commit = {"X-Repo-Commit": PINNED if revision.startswith("81b29e57") else MAIN}
        path = self.folder / name
        if not path.is_file():
            return self.reply(404, b"", commit | {"X-Error-Code": "EntryNotFound"})
        return self.reply(200, path.read_bytes(), commit | {"ETag": f'"{name}"'}, with_body=with_body)

    def reply(self, status: int, body: bytes, headers: dict[str, str], *, with_body: bool = True) -> None:
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


@contextmanager
def hub_of(folder: Path) -> Iterator[tuple[str, set[str]]]:
    """A running server of one folder: its address, and the revisions that it was asked for."""
    handler = type("Repository", (Hub,), {"folder": folder, "asked": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler.asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hub(upstream_v2):
    with hub_of(upstream_v2) as running:
        yield running


def load(home: Path, endpoint: str | None, *jobs: dict, code: str = CODE) -> list[str]:
    """What a fresh process with its own cache says about the model, loaded with each job's arguments."""
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1" if endpoint is None else "0"}
    environment |= {} if endpoint is None else {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*"}
    command = [sys.executable, "-c", code, HUB_ID, json.dumps(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [line.removeprefix("SEEN ") for line in done.stdout.splitlines() if line.startswith("SEEN ")]


def test_a_known_id_is_read_at_its_pinned_commit_unless_a_revision_is_given(hub, tmp_path):
    endpoint, asked = hub
    jobs = {"token": "secret"}, {"token": "secret", "revision": "main", "cache_dir": str(tmp_path / "main")}
    assert load(tmp_path, endpoint, *jobs) == [SEEN, SEEN]
    assert {PINNED[:8], "main"} <= {revision[:8] for revision in asked} <= {PINNED[:8], "main", MAIN[:8]}
    cache = tmp_path / "hub" / f"models--{HUB_ID.replace('/', '--')}"
    (cache / "refs" / "81b29e57").unlink(missing_ok=True)  # as if the commit had come in under another name
    assert load(tmp_path, None, {}) == [SEEN]


VERIFY = """
import json, sys
from hf_dnalm import export, verify
for arguments in json.loads(sys.argv[2]):
    seen = verify(sys.argv[1], **arguments)
    print("\\nSEEN", seen.family, seen.auto_class, seen.revision, *(check.outcome for check in seen.checks))
    print("\\nSEEN", export(sys.argv[1], sys.argv[3], **arguments).auto_class)
"""


def test_a_bare_model_that_only_the_hub_has_is_verified_and_exported_as_one(tmp_path):
    with hub_of(write_upstream(tmp_path / "DNABERT-S", "DNABERT-S")) as (endpoint, _):
        command_line = VERIFY.replace("sys.argv[3]", repr(str(tmp_path / "out")))
        seen = load(tmp_path, endpoint, {"token": "secret"}, code=command_line)
    assert seen == ["dnabert2 AutoModel 81b29e57 ok ok ok ok ok none none", "AutoModel"]
