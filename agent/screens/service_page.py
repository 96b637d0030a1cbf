"""One service, before anything is asked: what it is, what to bring, when, where else. The visit begins from here."""

from collections.abc import Callable, Collection
from typing import TypeAlias

from agent.screens.shown import Room, Shown
from common.catalogue import Catalogue, PlaceKind

Places: TypeAlias = Callable[[], Collection[str]]
"""Answers which kinds of places the station's directory has."""

_PARTS = ("", "bring", "when")


def service_page(catalogue: Catalogue, places: Places) -> Room:
    """Return the room `service`: `CODE` says what it is and what to bring, `CODE/when` when, and where else.

    `CODE/bring` is for large words, that leave no place for the materials on the first of them.
    """

    def pages(words: tuple[str, ...]) -> Shown | None:
        code, part = (*words, "", "")[:2]
        service = catalogue.services.get(code)
        if service is None or part not in _PARTS or words not in ((code,), (code, part)):
            return None
        found = places()
        elsewhere: list[tuple[PlaceKind, bool]] = [(kind, kind in found) for kind in service.elsewhere]
        bring = [catalogue.materials[each] for each in service.bring]
        return Shown("citizen_service.html", {"service": service, "part": part, "bring": bring, "elsewhere": elsewhere})

    return pages


def no_places() -> Collection[str]:
    """Answer for a station without a directory."""
    return ()
