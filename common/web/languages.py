"""The languages of the pages: which there are, which one a visitor reads, and their gettext catalogues."""

import gettext
from pathlib import Path

from microdot import Request

LANGUAGES = {"zh-CN": "中文", "en": "English"}
"""BCP 47 tag of each language, and its name in itself; the first one is the default."""

DEFAULT = "zh-CN"
COOKIE = "lang"
DOMAIN = "jingting"
LOCALES = Path(__file__).parent / "locales"


def catalogue(language: str) -> gettext.GNUTranslations:
    """Return the compiled catalogue of `language` (a key of `LANGUAGES`).

    Raises FileNotFoundError, saying what to run, when it has not been compiled.
    """
    path = LOCALES / language.replace("-", "_") / "LC_MESSAGES" / f"{DOMAIN}.mo"
    try:
        with path.open("rb") as compiled:
            return gettext.GNUTranslations(compiled)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing: run `pybabel compile -d {LOCALES} -D {DOMAIN}`") from None


def chosen(request: Request | None, cookie: str = COOKIE) -> str:
    """Return the language a visitor reads: `?lang=`, else the cookie of that name, else the default.

    What the browser prefers is not asked: a kiosk's browser says nothing of the person in front of it.
    """
    if request is None:
        return DEFAULT
    for tag in (request.args.get("lang"), request.cookies.get(cookie)):
        if tag in LANGUAGES:
            return tag
    return DEFAULT
