"""The base of every page: templates in the visitor's language, static files, error pages."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from markupsafe import Markup
from microdot import Microdot, Request, Response
from microdot.microdot import HTTPException

from common.web.faults import keep_words_out_of_the_log
from common.web.guards import KEEP, guard
from common.web.languages import COOKIE, DEFAULT, LANGUAGES, catalogue, chosen
from common.web.templates import environment, spoken_in

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_ERRORS = (400, 401, 403, 404, 405, 413, 421, 429, 500, 503)
_A_YEAR_S = 365 * 24 * 3600

_catalogue = cache(catalogue)


class Pages:
    """What an application's screens are drawn with.

    `templates`: the folder of the screens' own templates; the base page and its parts come from here. `cookie`: the
    name under which a browser remembers its language; `speaks` tells the language in its place, where no browser is to
    remember any. `allowed_hosts`, `linked`, `proven`: as `common.web.guards.guard`
    has them.
    Raises FileNotFoundError, saying what to run, when the catalogues have not been compiled.
    """

    def __init__(
        self,
        app: Microdot,
        *,
        templates: Path,
        allowed_hosts: Collection[str],
        cookie: str = COOKIE,
        speaks: Callable[[], str] | None = None,
        linked: bool = True,
        proven: bool = False,
    ) -> None:
        self._catalogues = {language: _catalogue(language) for language in LANGUAGES}
        self._environment = environment(templates)
        self._cookie = cookie
        self._speaks = speaks
        self._static = _static()
        keep_words_out_of_the_log()
        guard(app, allowed_hosts=allowed_hosts, linked=linked, proven=proven)
        app.get("/static/<name>")(self._serve_static)
        for status in _ERRORS:
            app.errorhandler(status)(partial(self._error, status))

    def page(self, request: Request, template: str, **values: object) -> Response:
        """Return a whole page, and remember the language that its address asked for."""
        response = self.fragment(request, template, **values)
        asked = request.args.get("lang")
        if asked in LANGUAGES and self._speaks is None:
            response.set_cookie(self._cookie, asked, path="/", max_age=_A_YEAR_S, http_only=True)
        return response

    def page_for_all(self, template: str, **values: object) -> Response:
        """Return a whole page in the first language, whoever asks."""
        return self._render(DEFAULT, template, 200, values)

    def fragment(self, request: Request, template: str, **values: object) -> Response:
        """Return the part of a page that its browser fetches again and again."""
        return self._render(self._language(request), template, 200, values)

    def both(self, message: str) -> Markup:
        """Return a message in every language, each marked as what it is: for a page that many read at once."""
        said = (
            Markup('<span lang="{}">{}</span>').format(tag, spoken.gettext(message))
            for tag, spoken in self._catalogues.items()
        )
        return Markup("").join(said)

    def static(self, name: str) -> tuple[bytes, str]:
        """Return a file of the base's own, and its type; raises KeyError."""
        return self._static[name]

    def asset(self, name: str) -> str:
        """Return the address under which pages name it; raises KeyError."""
        return _asset(name)

    def _language(self, request: Request | None) -> str:
        if self._speaks is None or (request is not None and request.args.get("lang") in LANGUAGES):
            return chosen(request, self._cookie)
        return self._speaks()

    def _render(self, language: str, template: str, status: int, values: Mapping[str, object]) -> Response:
        with spoken_in(self._catalogues[language]):
            text = self._environment.get_template(template).render(values, lang=language, asset=_asset)
        return Response(text, status, {"Content-Type": "text/html; charset=utf-8"})

    async def _serve_static(self, request: Request, name: str) -> Response:
        if name not in self._static:
            raise HTTPException(404)
        body, content_type = self._static[name]
        headers = {"Content-Type": content_type}
        if f"{request.path}?{request.query_string}" == _asset(name):
            headers["Cache-Control"] = KEEP  # under that address it is never another
        return Response(body, headers=headers)

    async def _error(self, status: int, request: Request | None) -> Response:
        return self._render(self._language(request), "error.html", status, {"status": status})


def keep_strictly(
    response: Response, cookie: str, value: str, *, secure: bool = False, max_age_s: int | None = None
) -> None:
    """Set a cookie that no other site's form or link brings along, nor any script reads (RFC 6265bis, 4.1.2)."""
    # microdot's `set_cookie` knows no SameSite.
    text = f"{cookie}={value}; Path=/; HttpOnly; SameSite=Strict"
    text += "; Secure" if secure else ""
    text += "" if max_age_s is None else f"; Max-Age={max_age_s}"
    headers: dict[str, Any] = response.headers
    headers["Set-Cookie"] = [*headers.get("Set-Cookie", ()), text]


def form_of(request: Request) -> dict[str, str]:
    """Return a submitted form's fields; raises HTTPException 400 when the body is not a form."""
    try:
        form = request.form or {}
    except ValueError:
        raise HTTPException(400, "Malformed form") from None
    # microdot's `items()` gives lists, its `[]` the first value of each.
    return {key: form[key] for key in form}


@cache
def _asset(name: str) -> str:
    """Return the address of a static file, which changes with what is in it: a browser may keep it for ever."""
    return f"/static/{name}?{hashlib.sha256(_static()[name][0]).hexdigest()[:12]}"


@cache
def _static() -> Mapping[str, tuple[bytes, str]]:
    return {
        path.name: (path.read_bytes(), f"{_TYPES[path.suffix]}; charset=utf-8") for path in (_HERE / "static").iterdir()
    }
