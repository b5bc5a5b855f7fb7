"""``airflow convexport status`` on a bucket, called in a shell as a new user calls it."""

from __future__ import annotations

import json

import pytest

from tests.stores.buckets import S3
from tests.support.exports import export
from tests.support.samples import DAY
from tests.support.shell import PLACES
from tests.support.streams import MIDNIGHT, case_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

START = MIDNIGHT - 20 * DAY
CASE = case_of("agentx", "messages")


def connection_of(bucket):
    """Return the bucket's right connection, as a dict."""
    return json.loads(bucket.connections()[f"AIRFLOW_CONN_{bucket.conn_id.upper()}"])


@pytest.mark.parametrize("place", PLACES)
def test_it_shows_what_is_published_in_a_bucket_whose_connection_is_in_the(
    place, simulator, remote, root, shell
):
    if place != "database" and not isinstance(remote, S3):
        pytest.skip("The place of a connection does not depend on the kind of store.")
    facts = export(CASE, remote.url(root), START, START + 2 * DAY)
    shell.keep(place, {remote.conn_id: connection_of(remote)})

    done = shell.convexport("status", "--destination", remote.url(root), "-o", "json")

    assert done.returncode == 0, done.stderr
    (dataset,) = json.loads(done.stdout)["datasets"]
    assert (dataset["vendor"], dataset["stream"], dataset["partitions"]) == ("agentx", "messages", 2)
    assert dataset["records"] == facts["records"] > 0


def test_a_connection_that_is_nowhere_is_named(remote, root, shell):
    done = shell.convexport("status", "--destination", remote.url(root))

    assert done.returncode == 1
    assert f"The connection '{remote.conn_id}' that destination=" in done.stderr
    assert done.stderr.endswith("does not exist; create it.\n")
