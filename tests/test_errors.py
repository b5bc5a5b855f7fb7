from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_convexport import errors
from airflow_provider_convexport.errors import (
    ConfigurationError,
    ConvExportError,
    ExpiredError,
    GapsFoundError,
    IncompleteExportError,
    RateLimitedError,
    SupersededError,
    UnsettledError,
    VendorRejectedError,
    VendorUnavailableError,
)

REJECTED = VendorRejectedError(endpoint="Ada /api/v2/x", status=401, request_id="r1", advice="Check the key.")
LIMITED = RateLimitedError(endpoint="Ada /api/v2/x", retry_after=timedelta(minutes=5))
UNSETTLED = UnsettledError(problem="It settles at noon", settles_at=datetime(2026, 4, 1, 12, tzinfo=UTC))
UNAVAILABLE = VendorUnavailableError(endpoint="Ada /api/v2/x", problem="status 502", tries=9)


def test_every_error_has_the_one_root():
    raised = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)
    ]

    assert len(raised) == 13
    assert all(issubclass(each, ConvExportError) for each in raised)


def test_no_error_is_of_two_consequences():
    branches = [
        ConfigurationError,
        VendorRejectedError,
        SupersededError,
        RateLimitedError,
        UnsettledError,
        ExpiredError,
        GapsFoundError,
        IncompleteExportError,
        VendorUnavailableError,
    ]
    assert all(not issubclass(one, other) for one in branches for other in branches if one is not other)


def test_a_wrong_configuration_is_a_value_error_too():
    assert issubclass(ConfigurationError, ValueError)


def test_a_refusal_is_one_sentence_for_people_and_attributes_for_machines():
    assert str(REJECTED) == (
        "Ada /api/v2/x refused the request with status 401 (request id r1). Check the key."
    )
    assert (REJECTED.endpoint, REJECTED.status, REJECTED.request_id, REJECTED.advice) == (
        "Ada /api/v2/x",
        401,
        "r1",
        "Check the key.",
    )


def test_a_refusal_without_a_request_id_says_so():
    error = VendorRejectedError(endpoint="Ada /x", status=400, request_id=None, advice="Go on.")

    assert "(request id not given)" in str(error)


def test_a_long_pause_tells_its_length():
    assert "asked for a pause of 5 minutes" in str(LIMITED)
    assert LIMITED.retry_after == timedelta(minutes=5)


def test_an_interval_that_has_not_settled_tells_when_it_does_and_what_to_write():
    assert str(UNSETTLED) == (
        "It settles at noon. Nothing was exported; put airflow_errors() around the hook's calls to wait "
        "until then, or pass on_unsettled='export' to read what is there."
    )
    assert UNSETTLED.settles_at.hour == 12


def test_an_unusable_vendor_tells_the_last_problem_and_the_tries():
    assert str(UNAVAILABLE) == "Ada /api/v2/x gave no usable answer in 9 tries; the last problem: status 502."


@pytest.mark.parametrize(
    "error", [REJECTED, LIMITED, UNSETTLED, UNAVAILABLE], ids=lambda error: type(error).__name__
)
def test_an_error_can_cross_a_process_border(error):
    """Executors and the supervisor may pickle what a task raised."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301

    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("kind", [ConfigurationError, IncompleteExportError, SupersededError])
def test_no_message_holds_control_characters_of_somebody_elses_text(kind):
    error = kind("Zürich sent \x1b[2J\x9b1A\r\n\u202e\u2028\u200b.")

    assert str(error) == r"Zürich sent \x1b[2J\x9b1A\r\n\u202e\u2028\u200b."


def test_a_message_is_bounded():
    assert len(str(ConfigurationError("x" * 1_000_000))) == 10_000


def test_text_of_others_is_printable_and_bounded():
    assert errors.printable("req-7") == "req-7"
    assert errors.printable("a\x00b\tc\\d") == r"a\x00b\tc\d"
    assert errors.printable("r" * 80, limit=80) == "r" * 80
    assert errors.printable("r" * 81, limit=80) == "r" * 79 + "…"
    assert errors.printable("\ud800") == r"\ud800"
