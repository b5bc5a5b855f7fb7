from __future__ import annotations

import traceback

import pytest

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.budget_storage import counter_factory, redis_client
from airflow_provider_convexport.export.fetch.finding_storage import findings_in

SENTENCE = (
    "[convexport] budget_storage is not a Redis URL that can be read; write it as "
    "redis://:password@host:6379/0 and percent-encode reserved characters of the password, such as %2F for a "
    "slash."
)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hush/hush@redis:6379/0",
        "redis://:hush#hush@redis:6379/0",
        "rediss://user:hush?hush@redis:6379/0",
        "redis://:1234/hush@redis:6379/0",
        "redis://:hush@[redis:6379/0",
        "redis://:hush\u2100@redis:6379/0",
        "redis://:hush@redis:port/0",
        "redis://:hush@redis:99999/0",
        "redis://:hush@redis:6379/0?socket_timeout=hush",
        "redis://:hush@redis:6379/0?hush=1",
        "REDIS://:hush/hush@redis:6379/0",
    ],
)
@pytest.mark.parametrize("use", [counter_factory, findings_in, redis_client])
def test_a_redis_url_that_cannot_be_read_shows_no_part_of_its_password(use, url):
    with pytest.raises(ConfigurationError) as caught:
        use(url)

    assert str(caught.value) == SENTENCE
    shown = "".join(traceback.format_exception_only(caught.value))
    assert "hush" not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "storage", ["redis:hush", "redis", "://hush", "http://u:hush@redis", "redis//:hush@h"]
)
def test_what_is_no_redis_url_is_not_shown_either(storage):
    with pytest.raises(ConfigurationError, match="is not 'machine', 'memory' or a redis:// URL") as caught:
        counter_factory(storage)

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("redis://redis", None),
        ("redis:///0", None),
        ("redis://:a%2Fb%40c@redis:6379/1", "a/b@c"),
        ("rediss://user:secret@redis:6380/0?ssl_cert_reqs=required", "secret"),
        ("unix://:secret@/run/redis.sock?db=1", "secret"),
        ("redis://redis/0?max_connections=20&health_check_interval=5", None),
    ],
)
def test_other_redis_urls_are_accepted_without_a_connection(url, password):
    client = redis_client(url)

    assert client.connection_pool.connection_kwargs.get("password") == password
    client.close()
