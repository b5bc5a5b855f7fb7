"""Makes the bucket for the exports, unless it exists; its abandoned uploads are removed after two days.

Usage: make_bucket.py BUCKET
"""

from __future__ import annotations

import sys

from airflow.providers.amazon.aws.hooks.s3 import S3Hook

ABANDONED_UPLOADS = {
    "ID": "abandoned-uploads",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
}


def main() -> None:
    """Make the bucket that the command line names."""
    (bucket,) = sys.argv[1:]
    hook = S3Hook("object_store")
    if not hook.check_for_bucket(bucket):
        hook.create_bucket(bucket_name=bucket)
    hook.get_conn().put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [ABANDONED_UPLOADS]}
    )


if __name__ == "__main__":
    main()
