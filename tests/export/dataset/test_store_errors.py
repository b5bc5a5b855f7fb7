from __future__ import annotations

import pytest

from airflow_provider_convexport.errors import ConfigurationError, DestinationUnavailableError
from airflow_provider_convexport.export.dataset.store_errors import explained

URL = "s3://lake@bucket/ada"


class ClientError(Exception):
    """Shaped like botocore's."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__("https://bucket/key?X-Amz-Signature=secret")
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


class HttpResponseError(Exception):
    """Shaped like azure.core's."""

    def __init__(self, status_code: int, error_code: str | None) -> None:
        super().__init__("The MAC signature found in the HTTP request\nis not the same")
        self.status_code = status_code
        self.error_code = error_code


class HttpError(Exception):
    """Shaped like gcsfs'."""

    def __init__(self, code: int | str) -> None:
        super().__init__("Invalid Credentials")
        self.code = code


class ClientAuthenticationError(Exception):
    """Named like azure.core's, which has no status when there is no token to be had."""


class RefreshError(Exception):
    """Shaped like google.auth's."""

    def __init__(self, *, retryable: bool) -> None:
        super().__init__("invalid_grant")
        self.retryable = retryable


class EndpointConnectionError(Exception):
    """Named like botocore's."""


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (caused(PermissionError("None"), ClientError("AccessDenied", 403)), "AccessDenied, status 403"),
        (caused(PermissionError("Forbidden"), ClientError("403", 403)), "status 403"),
        (caused(RuntimeError("Failed"), HttpResponseError(403, "Refused")), "Refused, status 403"),
        (HttpResponseError(401, None), "status 401"),
        (HttpError(401), "status 401"),
        (HttpError("403"), "status 403"),
        (OSError("Forbidden: https://storage/b/bucket\nno access"), "status 403"),
        (ClientAuthenticationError(), "ClientAuthenticationError"),
        (RefreshError(retryable=False), "RefreshError"),
    ],
)
def test_a_refusal_is_one_sentence_that_names_destination_and_connection(error, problem):
    with pytest.raises(ConfigurationError) as caught, explained(URL, "lake"):
        raise error

    assert str(caught.value) == (
        f"The object store refused {URL} ({problem}). Check the credentials and permissions of the Airflow "
        "connection 'lake'."
    )
    assert caught.value.__suppress_context__


def test_a_refusal_without_a_connection_points_to_the_worker():
    with (
        pytest.raises(ConfigurationError, match="of the worker, since the destination names no Airflow conn"),
        explained(URL, None),
    ):
        raise HttpError(403)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (caused(OSError("slow"), ClientError("SlowDown", 503)), "SlowDown, status 503"),
        (caused(PermissionError("old"), ClientError("ExpiredToken", 403)), "ExpiredToken, status 403"),
        (HttpResponseError(500, "InternalError"), "InternalError, status 500"),
        (EndpointConnectionError("https://bucket/?X-Amz-Signature=secret"), "EndpointConnectionError"),
        (ConnectionResetError(), "ConnectionResetError"),
        (TimeoutError(), "TimeoutError"),
        (RefreshError(retryable=True), "RefreshError"),
    ],
)
def test_everything_else_is_an_outage_that_a_retry_may_outlast(error, problem):
    with pytest.raises(DestinationUnavailableError) as caught, explained(URL, "lake"):
        raise error

    assert str(caught.value) == (
        f"The object store of {URL} gave no usable answer ({problem}); progress is kept for a retry. If "
        "this persists, check the address of the Airflow connection 'lake'."
    )


@pytest.mark.parametrize("error", [FileNotFoundError("x"), HttpResponseError(404, "ContainerNotFound")])
def test_a_missing_bucket_is_told_when_something_is_written(error):
    sentence = "cannot be written: no such bucket"
    with pytest.raises(ConfigurationError, match=sentence), explained(URL, "lake", missing="no such bucket"):
        raise error


@pytest.mark.parametrize("error", [FileNotFoundError("x"), TypeError("x"), ConfigurationError("x")])
def test_what_is_not_a_failure_of_the_store_goes_on_as_it_is(error):
    with pytest.raises(type(error)) as caught, explained(URL, "lake"):
        raise error

    assert caught.value is error
