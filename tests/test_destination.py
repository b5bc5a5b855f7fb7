from __future__ import annotations

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
