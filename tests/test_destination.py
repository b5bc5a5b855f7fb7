from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ConfigurationError


def test_a_connection_that_does_not_exist_is_told_before_anybody_falls_back_to_other_credentials():
    with pytest.raises(ConfigurationError) as caught:
        store_at("file://forgotten@/tmp/exports")

    assert str(caught.value) == (
        "The connection 'forgotten' that destination='file://forgotten@/tmp/exports' names does not exist; "
        "create it."
    )
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("destination", [None, 5, Path("/raw"), ["/raw"]])
def test_a_destination_that_is_neither_text_nor_a_path_of_airflows_is_refused(destination):
    with pytest.raises(ConfigurationError) as caught:
        store_at(destination)

    assert str(caught.value) == (
        f"destination={destination!r} is neither text nor an ObjectStoragePath; write a URL such as "
        "'s3://conn@bucket/folder', or a local path as text."
    )
