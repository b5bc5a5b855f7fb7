#!/usr/bin/env bash
# Installs the S3 server that dev/start_object_store.sh starts (Ceph's RADOS Gateway); does nothing where it is
# installed already.
set -euo pipefail

command -v radosgw ceph-mon ceph-osd ceph radosgw-admin monmaptool >/dev/null && exit
if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "radosgw is not installed and cannot be installed here; the tests that need it are skipped." >&2
    exit
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends radosgw ceph-mon ceph-osd ceph-common >/dev/null
