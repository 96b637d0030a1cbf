"""Key files: one secret each, never overwritten, never readable by others."""

import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common import keyfiles


def test_a_new_pair_belongs_together_and_the_private_half_is_its_owners_only(tmp_path):
    private = tmp_path / "a.key"
    public = keyfiles.create(private)
    assert public == tmp_path / "a.key.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    key = Ed25519PrivateKey.from_private_bytes(keyfiles.read_private(private))
    assert key.public_key().public_bytes_raw() == keyfiles.read_public(public)


@pytest.mark.parametrize("there", ["a.key", "a.key.pub"])
def test_a_key_is_never_overwritten(tmp_path, there):
    (tmp_path / there).write_text("precious")
    with pytest.raises(FileExistsError):
        keyfiles.create(tmp_path / "a.key")
    assert (tmp_path / there).read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", ["", "AAAA", "not base64!", "é" * 43, "A" * 43 + "=" * 3 + "x"])
def test_a_file_that_is_no_key_is_told_from_one(tmp_path, content):
    path = tmp_path / "a.pub"
    path.write_text(content)
    with pytest.raises(ValueError, match="; an Ed25519 key"):
        keyfiles.read_public(path)


def test_a_private_key_others_may_read_is_refused(tmp_path):
    private = tmp_path / "a.key"
    keyfiles.create(private)
    private.chmod(0o640)
    with pytest.raises(ValueError, match="mode 0640; mode 0600"):
        keyfiles.read_private(private)


def test_a_sealing_key_keeps_its_halves_and_is_told_from_other_keys(tmp_path):
    path = tmp_path / "sealing.key"
    public = keyfiles.write_pair(path, b"p" * 96, b"q" * 1216)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keyfiles.read_sealing_private(path) == b"p" * 96
    assert keyfiles.read_sealing_public(public) == b"q" * 1216
    public.chmod(0o600)
    with pytest.raises(ValueError, match="1216 bytes; a private sealing key"):
        keyfiles.read_sealing_private(public)
    with pytest.raises(ValueError, match="96 bytes; a public sealing key"):
        keyfiles.read_sealing_public(path)
    path.chmod(0o644)
    with pytest.raises(ValueError, match="mode 0644; mode 0600"):
        keyfiles.read_sealing_private(path)


def test_a_password_is_the_line_without_its_end(tmp_path):
    path = tmp_path / "p"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    assert keyfiles.read_password(path) == "s3cret"
    path.write_text("\n")
    with pytest.raises(ValueError, match="empty"):
        keyfiles.read_password(path)
