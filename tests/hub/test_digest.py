"""Hashes as the hub and Git have them."""

import hashlib
import subprocess

from ossia.hub.digest import Digest

DATA = b"a model\n" * 1000


def test_large_files_have_sha256() -> None:
    expected = hashlib.sha256(DATA).hexdigest()
    digest = Digest(expected, len(DATA))
    digest.update(DATA[:10])
    assert not digest.is_right
    digest.update(memoryview(DATA)[10:])
    assert digest.is_right
    assert digest.sha256 == expected


def test_small_files_have_what_git_says() -> None:
    told = subprocess.run(
        ["git", "hash-object", "--stdin"], input=DATA, capture_output=True, check=True
    )
    digest = Digest(told.stdout.decode().strip(), len(DATA))
    digest.update(DATA)
    assert digest.is_right
    assert digest.sha256 == hashlib.sha256(DATA).hexdigest()
    assert not Digest(told.stdout.decode().strip(), len(DATA) + 1).is_right
