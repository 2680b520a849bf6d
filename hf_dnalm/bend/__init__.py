"""The BEND benchmark: embeddings of genome regions, small networks trained on them, and zero-shot variant scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hf_dnalm.lazy import imported_on_first_use

if TYPE_CHECKING:  # "as" tells type checkers that the name is public
    from hf_dnalm.bend.embedders import ModelEmbedder as ModelEmbedder
    from hf_dnalm.bend.embedders import one_hot as one_hot
    from hf_dnalm.bend.networks import Basset as Basset
    from hf_dnalm.bend.networks import DownstreamCNN as DownstreamCNN
    from hf_dnalm.bend.networks import ResNet as ResNet
    from hf_dnalm.bend.published_embedders import PublishedEmbedder as PublishedEmbedder
    from hf_dnalm.bend.region_embeddings import embed_task as embed_task
    from hf_dnalm.bend.shards import Sample as Sample
    from hf_dnalm.bend.shards import Shard as Shard
    from hf_dnalm.bend.shards import find_shards as find_shards
    from hf_dnalm.bend.shards import read_shards as read_shards
    from hf_dnalm.bend.shards import write_shard as write_shard
    from hf_dnalm.bend.training import Settings as Settings
    from hf_dnalm.bend.training import train_bend as train_bend
    from hf_dnalm.bend.zero_shot_scores import ZeroShot as ZeroShot
    from hf_dnalm.bend.zero_shot_scores import zero_shot as zero_shot

__all__, __getattr__ = imported_on_first_use(
    __name__,
    {
        "embedders": ("ModelEmbedder", "one_hot"),
        "networks": ("Basset", "DownstreamCNN", "ResNet"),
        "published_embedders": ("PublishedEmbedder",),
        "region_embeddings": ("embed_task",),
        "shards": ("Sample", "Shard", "find_shards", "read_shards", "write_shard"),
        "training": ("Settings", "train_bend"),
        "zero_shot_scores": ("ZeroShot", "zero_shot"),
    },
)
