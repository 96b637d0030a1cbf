"""Time zones in settings."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from common.settings import Section


def read_zone(section: Section, name: str) -> str:
    """Read a time zone's IANA name; Beijing's by default."""
    zone = section.text(name, default="Asia/Shanghai", expected="a time zone, such as Asia/Shanghai")
    if zone and not _is_zone(zone):
        section.mistake(name, found=f'"{zone}"', expected="a time zone of this system, such as Asia/Shanghai")
    return zone


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    return True
