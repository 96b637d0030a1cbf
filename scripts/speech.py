#!/usr/bin/env python3
"""Make the clips that the citizen's screen speaks: one for each prompt and language, as Ogg Opus.

    scripts/speech.py [FOLDER]

reads agent/screens/prompts.toml and writes NAME.LANGUAGE.opus to agent/screens/speech, or to FOLDER; what is there of
prompts that are no more is removed. Needs espeak-ng and opusenc (Debian: espeak-ng, opus-tools).
"""

import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SCREENS = Path(__file__).parents[1] / "agent" / "screens"

# Language of a page: key in the file, voice, words a minute. Slower than the engine's 175 for whoever is old or in
# fear; of Chinese it counts other words, and 175 would be two characters a second.
VOICES = {"zh-CN": ("zh", "cmn", 210), "en": ("en", "en-gb", 140)}

# What wideband speech needs (RFC 6716, section 2.1.1); always the same bytes of the same words.
OPUS = ["opusenc", "--quiet", "--speech", "--bitrate", "16", "--framesize", "60", "--serial", "1", "-"]


def speak(text: str, voice: str, speed: int, file: Path) -> None:
    """Write one clip; renamed into place, so that a page never gets half of one."""
    part = file.with_suffix(".part")
    spoken = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text], stdout=subprocess.PIPE, check=True
    ).stdout
    subprocess.run([*OPUS, str(part)], input=spoken, check=True)
    part.replace(file)


def main(folder: Path = SCREENS / "speech") -> None:
    """Make all clips of the prompts as they are now."""
    prompts = tomllib.loads((SCREENS / "prompts.toml").read_text(encoding="utf-8"))
    wanted = {
        folder / f"{name}.{language}.opus": (texts[key], voice, speed)
        for name, texts in prompts.items()
        for language, (key, voice, speed) in VOICES.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        for made in [pool.submit(speak, *of, file) for file, of in wanted.items()]:
            made.result()
    for file in set(folder.glob("*.opus")) - wanted.keys():
        file.unlink()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
