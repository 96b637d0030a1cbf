"""The clips that `scripts/speech.py` makes: of every prompt one in each language, real sound, short, small together."""

import struct
import subprocess
import tomllib
from pathlib import Path

import pytest

from common.web.languages import LANGUAGES

SCREENS = Path(__file__).parents[2] / "agent" / "screens"
PROMPTS = tomllib.loads((SCREENS / "prompts.toml").read_text(encoding="utf-8"))
CLIPS = sorted((SCREENS / "speech").glob("*"))
RATE = 48_000  # of every Opus stream's granule positions: RFC 7845, section 4


def seconds(data):
    """Return how long an Ogg Opus stream plays, by its pages (RFC 3533, section 6), each of which is well-formed."""
    at, granule, skip = 0, 0, None
    while at < len(data):
        assert data[at : at + 5] == b"OggS\0"
        granule = struct.unpack_from("<q", data, at + 6)[0]
        segments = data[at + 26]
        body = at + 27 + segments
        if skip is None:
            assert data[body : body + 8] == b"OpusHead"
            skip = struct.unpack_from("<H", data, body + 10)[0]
        at = body + sum(data[at + 27 : body])
    assert at == len(data)
    return (granule - skip) / RATE


def test_there_is_a_clip_of_every_prompt_in_every_language_and_none_left_over():
    assert {clip.name for clip in CLIPS} == {f"{name}.{language}.opus" for name in PROMPTS for language in LANGUAGES}


def test_every_prompt_has_words_in_both_languages_and_nothing_else():
    for texts in PROMPTS.values():
        assert texts.keys() == {"zh", "en"}
        assert not any("A" <= letter <= "z" for letter in texts["zh"])
        assert texts["en"].isascii()


def test_together_they_are_small():
    assert sum(clip.stat().st_size for clip in CLIPS) < 1_500_000


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
def test_a_clip_is_real_sound_as_long_as_its_words(clip, tmp_path):
    name, language, _ = clip.name.split(".")
    text = PROMPTS[name]["zh" if language == "zh-CN" else "en"]
    # About four characters of Chinese a second, or fourteen letters of English.
    spoken_s = len(text) / (4 if language == "zh-CN" else 14)
    assert 0.5 * spoken_s < seconds(clip.read_bytes()) < 2 * spoken_s
    assert seconds(clip.read_bytes()) < 20
    heard = tmp_path / "heard.raw"
    subprocess.run(["opusdec", "--quiet", "--rate", "8000", clip, heard], check=True)
    samples = struct.unpack(f"<{heard.stat().st_size // 2}h", heard.read_bytes())
    assert max(map(abs, samples)) > 5_000
