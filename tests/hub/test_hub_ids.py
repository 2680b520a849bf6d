"""Hub ids: the pinned commit, revisions, tokens and the cache, against a small server that answers as the Hub does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.toys.dnabert2 import write_upstream

PINNED, PINNED_BARE = (short + "0" * 32 for short in ("81b29e57", "00e47f96"))
MAIN = "f" * 40
HUB_ID = "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"
BARE = "zhihan1996/DNABERT-S"

CODE = """
import json, sys
from hf_dnalm import AutoModelForMaskedLM, AutoTokenizer
for arguments in json.loads(sys.argv[2]):
    if "out" in arguments:
        from hf_dnalm import export, verify
        hub_id, out = arguments.pop("hub_id"), arguments.pop("out")
        seen = verify(hub_id, **arguments)
        print("\\nSEEN", seen.family, seen.auto_class, seen.revision, *(check.outcome for check in seen.checks))
        print("\\nSEEN", export(hub_id, out, **arguments).auto_class)
        continue
    model, info = AutoModelForMaskedLM.from_pretrained(sys.argv[1], output_loading_info=True, **arguments)
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], **arguments)
    print("\\nSEEN", type(model).__name__, tokenizer.k, sum(map(len, info.values())), model.name_or_path)
"""
COMMITS = {commit[:8]: commit for commit in (PINNED, PINNED_BARE)}
SEEN = f"NucleotideTransformerForMaskedLM 3 0 {HUB_ID}"


class Hub(BaseHTTPRequestHandler):
    """Repositories that are the same at every revision, private; remembers the revisions it was asked for."""

    folders: dict[str, Path]
    asked: dict[str, set[str]]
    address: str

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
            sha = COMMITS.get(parts[-1][:8], MAIN)
            return self.reply(200, json.dumps({"id": "/".join(parts[2:4]), "sha": sha, "siblings": []}).encode(), {})
        hub_id, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        self.asked[hub_id].add(revision)
        commit = {"X-Repo-Commit": COMMITS.get(revision[:8], MAIN)}
        path = self.folders[hub_id] / name
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


@pytest.fixture(scope="module")
def hub(upstream_v2, tmp_path_factory) -> Iterator[type[Hub]]:
    """The handler of a running server, which has its address."""
    folders = {HUB_ID: upstream_v2, BARE: write_upstream(tmp_path_factory.mktemp("bare"), "DNABERT-S")}
    handler = type("Repositories", (Hub,), {"folders": folders, "asked": {hub_id: set() for hub_id in folders}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def load(home: Path, endpoint: str | None, *jobs: dict) -> list[str]:
    """What a fresh process with its own cache says about the model, loaded with each job's arguments."""
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1" if endpoint is None else "0"}
    environment |= {} if endpoint is None else {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*"}
    command = [sys.executable, "-c", CODE, HUB_ID, json.dumps(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [line.removeprefix("SEEN ") for line in done.stdout.splitlines() if line.startswith("SEEN ")]


@pytest.fixture(scope="module")
def online(hub, tmp_path_factory) -> tuple[list[str], Path]:
    """What one process with the network sees, job by job, and the cache that it leaves."""
    home = tmp_path_factory.mktemp("home")
    main = {"revision": "main", "cache_dir": str(home / "main")}
    bare = {"hub_id": BARE, "out": str(home / "out")}
    return load(home, hub.address, *({"token": "secret"} | job for job in ({}, main, bare))), home


def test_a_known_id_is_read_at_its_pinned_commit_unless_a_revision_is_given(hub, online):
    seen, home = online
    assert seen[:2] == [SEEN, SEEN]
    assert {PINNED[:8], "main"} <= {revision[:8] for revision in hub.asked[HUB_ID]} <= {PINNED[:8], "main", MAIN[:8]}
    cache = home / "hub" / f"models--{HUB_ID.replace('/', '--')}"
    (cache / "refs" / "81b29e57").unlink(missing_ok=True)  # as if the commit had come in under another name
    assert load(home, None, {}) == [SEEN]


def test_a_bare_model_that_only_the_hub_has_is_verified_and_exported_as_one(online):
    assert online[0][2:] == ["dnabert2 AutoModel 00e47f96 ok ok ok ok ok none none", "AutoModel"]
