"""What ``audit --files`` finds under one destination: damaged, unnamed and foreign files, and old staging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_convexport.audit.files import WrongContent, wrong_contents
from airflow_provider_convexport.cli.staging import old_staging, staging_lines, staging_values
from airflow_provider_convexport.cli.verify import Verification, verified_lines, verified_values
from airflow_provider_convexport.cli.words import counted
from airflow_provider_convexport.export.dataset.listing import objects_below
from airflow_provider_convexport.export.dataset.reader import partitions_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from airflow_provider_convexport.cli.progress import Progress
    from airflow_provider_convexport.cli.staging import OldStaging
    from airflow_provider_convexport.cli.verify import Verified
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.window import Window


class FileFindings(NamedTuple):
    """The files under one destination.

    :param url: The destination.
    :param partitions: Number of partitions whose files were read.
    :param verified: The comparison of names and sizes.
    :param wrong: Partitions whose files have another checksum or number of records.
    :param staging: Staging of tasks.
    """

    url: str
    partitions: int
    verified: Verified
    wrong: list[WrongContent]
    staging: OldStaging

    @property
    def is_damaged(self) -> bool:
        """Whether a file is gone, or is not what its manifest describes."""
        return bool(self.wrong or self.verified.wrong)


def file_findings(
    store: Store,
    window: Window,
    scope: Mapping[str, str] | None,
    *,
    age: timedelta,
    repairs: bool,
    progress: Progress,
) -> FileFindings:
    """Read the files of the published partitions that overlap a range, and look at everything beside them.

    :param scope: Only this shop or bot; ``None`` for all.
    :param age: From when on staging is old, as of `staging_age`.
    :param repairs: Whether to remove old staging, which no task comes back to. Everything else needs a
        decision, or is removed by the next export of its partition.
    """
    progress.begin("Listing what is published")
    verification = Verification({each.name: each.bytes for each in objects_below(store, "")})
    partitions = list(partitions_in(store, window.start, window.end, scope))
    for each in partitions:
        verification.look(each.folder, each.manifest)
    verified = verification.finish(store, is_partial=True, damaged=())
    progress.begin("Reading files", total=len(partitions))
    gone = {each.name.rpartition("/")[0] for each in verified.wrong}
    whole = [each for each in partitions if each.folder not in gone]
    wrong = wrong_contents(whole, advance=progress.advance)
    progress.begin("Looking for old staging")
    staging = old_staging(store, verification.sizes, age=age, sweeps=repairs, shows_all=True)
    return FileFindings(store.url, len(partitions), verified, wrong, staging)


def file_lines(found: FileFindings) -> Iterator[str]:
    """Yield sentences about the files under a destination."""
    yield f"Files under {found.url}, of {counted(found.partitions, 'partition')}:"
    yield from verified_lines(found.verified)
    right = found.partitions - len(found.wrong)
    whole = counted(found.partitions, "partition")
    yield f"Read: {right} of {whole} have the checksums and numbers of records of their manifests."
    yield from (f"  {each.problem}" for each in found.wrong)
    yield from staging_lines(found.staging, option="--repair")


def file_values(found: FileFindings) -> dict[str, Any]:
    """Return the same as JSON values."""
    return {
        "url": found.url,
        "partitions": found.partitions,
        "verified": verified_values(found.verified),
        "wrong": [each._asdict() for each in found.wrong],
        "staging": staging_values(found.staging),
    }
