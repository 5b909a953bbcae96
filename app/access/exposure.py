"""Where the service may listen."""

from __future__ import annotations

import ipaddress

from app.settings import ApiSettings, InvalidSetting


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(api: ApiSettings) -> None:
    """Raise `InvalidSetting` if others could reach a service that asks for no keys."""
    if api.auth == "none" and not is_loopback(api.host):
        raise InvalidSetting(
            f"AZIMUTH_HOST={api.host}: without API keys the service listens on a loopback address "
            "only. Set AZIMUTH_AUTH=keys, or AZIMUTH_AUTH=unprotected if all who can reach this "
            "address may do everything"
        )
