"""Where the service may listen without API keys."""

import pytest

from app.access.exposure import check_address
from app.settings import ApiSettings, InvalidSetting


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_addresses_need_no_keys(host):
    check_address(ApiSettings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.org", "localhost.evil"])
def test_other_addresses_need_keys_or_an_explicit_choice(host):
    with pytest.raises(InvalidSetting, match="AZIMUTH_AUTH=keys"):
        check_address(ApiSettings(host=host))
    check_address(ApiSettings(host=host, auth="keys"))
    check_address(ApiSettings(host=host, auth="unprotected"))
