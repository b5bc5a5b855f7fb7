"""Decides whether the published version of a partition stays, instead of being replaced by a run's own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from airflow_provider_convexport.export.dataset.manifest import check_replaceable
from airflow_provider_convexport.export.publish.digest import digest_of_partition

if TYPE_CHECKING:
    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.publish.write import VersionWriter

log = logging.getLogger(__name__)


def kept_version(there: Manifest | None, writer: VersionWriter) -> Manifest | None:
    """Return the manifest of the published version if that is to be kept; ``None`` if it is to be replaced.

    :param there: The manifest that was seen.
    :param writer: Writes the run's own version.
    :raises ConfigurationError: if the partition was written by another kind of export.
    """
    if there is None or there.commit == writer.plan.commit:
        return there
    url = writer.store.url_of(writer.partition.folder)
    check_replaceable(there, url, writer.job.query, writer.grid, writer.partition.index)
    if _is_better(there, writer):
        return there
    return _with_digest(there, writer) if _is_same(there, writer) else None


def _is_better(there: Manifest, writer: VersionWriter) -> bool:
    """Return whether another run's version is newer than this run's, or covers more."""
    covered = writer.grid.covered_of(writer.partition.index)
    if there.seconds_after(writer.plan.requested_at) > 0:
        log.warning(
            "The partition %s keeps the version of %s.%s (%s), whose records were requested later.",
            writer.partition.folder,
            there.dag_id,
            there.task_id,
            there.run_id,
        )
        return True
    # A version that covers more was published when the vendor still kept more.
    return there.covers.start < covered.start and there.covers.covers(covered)


def _is_same(there: Manifest, writer: VersionWriter) -> bool:
    """Return whether the published version has the same records, if the job asks for that."""
    folder, covered = writer.partition.folder, writer.grid.covered_of(writer.partition.index)
    if not writer.job.skip_unchanged or (there.covers, there.records) != (covered, writer.records):
        return False
    try:
        return _has_all_files(there, writer) and writer.digest == digest_of_partition(
            writer.store, folder, there
        )
    except FileNotFoundError:
        return False


def _has_all_files(manifest: Manifest, writer: VersionWriter) -> bool:
    folder = writer.partition.folder
    there = set(writer.store.find(folder))
    return all(f"{folder}/{file.name}" in there for file in manifest.files)


def _with_digest(there: Manifest, writer: VersionWriter) -> Manifest:
    """Return the published version with the digest of its records, so that nobody computes it again.

    Without conditional writes it stays as it is: somebody might replace it in the meantime.
    """
    if isinstance(there.content_digest, str) or not writer.store.is_conditional:
        return there
    return msgspec.structs.replace(there, content_digest=writer.digest or UNSET)
