"""All services, in two steps: the groups, then the services of one; each leads to the room `service`."""

from agent.screens.shown import Room, Shown
from common.catalogue import Catalogue


def service_list(catalogue: Catalogue) -> Room:
    """Return the room `services` of a catalogue. A group of one service leads straight to it.

    Pages of groups are numbered from 1; how many stand on one is the template's business.
    """
    by_group = {
        code: [service for service in catalogue.services.values() if service.group == code] for code in catalogue.groups
    }
    groups = [
        (catalogue.groups[code], f"services/{code}" if len(services) > 1 else f"service/{services[0].code}")
        for code, services in by_group.items()
        if services
    ]

    def pages(words: tuple[str, ...]) -> Shown | None:
        match words:
            case ():
                return Shown("citizen_groups.html", {"groups": groups, "page": 1})
            case (number,) if number.isdecimal() and 1 <= int(number) <= len(groups):
                return Shown("citizen_groups.html", {"groups": groups, "page": int(number)})
            case (code,) if by_group.get(code):
                return Shown("citizen_group.html", {"group": catalogue.groups[code], "services": by_group[code]})
        return None

    return pages
