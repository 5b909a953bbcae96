"""Settings: reading the environment, and rejecting typos."""

import pytest

from app.settings import ApiSettings, InvalidSetting, Settings, UnknownSetting


def test_defaults_need_no_environment():
    settings = Settings.from_environment({"HOME": "/x"})
    assert settings.api.host == "127.0.0.1"
    assert settings.engine.engine == "vllm"


def test_variables_are_read_into_their_groups():
    settings = Settings.from_environment(
        {"AZIMUTH_PORT": "9000", "AZIMUTH_WORKER_LEASE_S": "3", "AZIMUTH_ENGINE": "fake"}
    )
    assert settings.api.port == 9000
    assert settings.worker.lease_s == 3
    assert settings.engine.engine == "fake"


def test_the_prefixed_redis_url_takes_precedence_over_the_bare_one():
    assert Settings.from_environment({"REDIS_URL": "redis://a"}).store.redis_url == "redis://a"
    both = {"REDIS_URL": "redis://a", "AZIMUTH_REDIS_URL": "redis://b"}
    assert Settings.from_environment(both).store.redis_url == "redis://b"


def test_an_unknown_variable_is_rejected_by_name():
    with pytest.raises(UnknownSetting, match="AZIMUTH_MODLE"):
        Settings.from_environment({"AZIMUTH_MODLE": "x"})


def test_an_invalid_value_is_rejected_by_name():
    with pytest.raises(InvalidSetting, match="AZIMUTH_PORT=http"):
        Settings.from_environment({"AZIMUTH_PORT": "http"})


def test_an_empty_value_is_treated_as_unset():
    assert Settings.from_environment({"AZIMUTH_PORT": ""}).api.port == 8000


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AZIMUTH_OPENAI_API_KEY", "s3cret"), ("REDIS_URL", "redis://:s3cret@redis")],
)
def test_secrets_are_not_in_the_repr(variable, value):
    settings = Settings.from_environment({variable: value})
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings)


def test_a_settings_group_built_directly_ignores_the_environment(monkeypatch):
    monkeypatch.setenv("AZIMUTH_PORT", "9000")
    assert ApiSettings().port == 8000


def test_proxies_that_allow_60_s_of_silence_neither_cut_a_request_nor_meet_a_closed_connection():
    api = Settings.from_environment({}).api
    assert api.wait_s < 60 < api.keep_alive_s


def test_origins_are_read_one_by_one():
    def origins(given: str) -> tuple[str, ...]:
        return Settings.from_environment({"AZIMUTH_CORS_ORIGINS": given}).api.allowed_origins

    assert origins("") == ()
    assert origins("*") == ("*",)
    assert origins("https://a.org, http://localhost:5173") == (
        "https://a.org",
        "http://localhost:5173",
    )


@pytest.mark.parametrize("given", ["a.org", "https://a.org/", "https://a.org/x", "https://A.org,"])
def test_an_origin_that_no_browser_would_send_is_rejected(given):
    with pytest.raises(InvalidSetting, match="AZIMUTH_CORS_ORIGINS"):
        Settings.from_environment({"AZIMUTH_CORS_ORIGINS": given})
