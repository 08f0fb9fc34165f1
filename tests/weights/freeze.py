"""Write listings.json.gz: the names and shapes of the tensors of timm's and torchvision's networks, without their numbers.

    PYTHONPATH=tests python -m weights.freeze           needs torch, torchvision and timm
"""
import gzip
import json
from pathlib import Path

from minisenet.models.weights import SOURCES

from .live import network


def main():
    listings = {source: {name: {key: list(value.shape) for key, value in network(source, name).state_dict().items()} for name in names}
                for source, names in SOURCES.items()}
    path = Path(__file__).parent / "listings.json.gz"
    path.write_bytes(gzip.compress(json.dumps(listings).encode(), mtime=0))
    print(f"{path}: {sum(map(len, (shapes for names in listings.values() for shapes in names.values()))):,} tensors")


if __name__ == "__main__":
    main()
