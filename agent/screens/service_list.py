"""All services, in two steps: the groups, then the services of one; each leads to the room `service`."""

from agent.screens.shown import Room, Shown
from common.catalogue import Catalogue


def service_list(catalogue: Catalogue) -> Room:
    """Return the room `services` of a catalogue."""
    services = tuple(catalogue.services.values())
    groups = [group for code, group in catalogue.groups.items() if any(service.group == code for service in services)]

    def pages(words: tuple[str, ...]) -> Shown | None:
        match words:
            case ():
                return Shown("citizen_groups.html", {"groups": groups})
            case (code,) if code in catalogue.groups:
                of_group = [service for service in services if service.group == code]
                return Shown("citizen_group.html", {"group": catalogue.groups[code], "services": of_group})
        return None

    return pages
