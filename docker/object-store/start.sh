#!/usr/bin/env bash
# Runs an S3 server whose objects survive a restart: RADOS Gateway, one monitor, and one storage daemon on a
# sparse file. No redundancy. Ends when one of the three ends; SIGTERM ends all of them in order.
#
# Environment, with defaults:
#   STORE_ACCESS_KEY, STORE_SECRET_KEY           the only user; needed at the first start
#   STORE_FOLDER=/var/lib/object-store           everything that must be kept
#   STORE_PORT=9000                              where S3 is served
#   STORE_BYTES=10737418240                      the most that the objects may take, set at the first start
set -euo pipefail

folder=${STORE_FOLDER:-/var/lib/object-store}
port=${STORE_PORT:-9000}
bytes=${STORE_BYTES:-10737418240}
keyring=$folder/keyring
made=$folder/made
export CEPH_CONF=$folder/ceph.conf
daemons=()

say() {
    echo "object store: $*" >&2
}

# Ends the daemons, the last one first: what the gateway has accepted is written before the storage daemon goes.
# shellcheck disable=SC2317 # called by the trap
stop() {
    local number
    for ((number = ${#daemons[@]} - 1; number >= 0; number--)); do
        kill "${daemons[number]}" 2>/dev/null || continue
        wait "${daemons[number]}" || true
    done
}

configure() {
    cat >"$CEPH_CONF" <<END
[global]
fsid = $(<"$folder/fsid")
keyring = $keyring
public addr = 127.0.0.1
cluster addr = 127.0.0.1
mon host = v2:127.0.0.1:3300
# Without authentication the gateway hangs.
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon data = $folder/mon
osd data = $folder/osd
osd objectstore = bluestore
bluestore block size = $bytes
bluestore cache autotune = false
bluestore cache size = 67108864
run dir = /tmp
admin socket =
pid file =
log to file = false
mon cluster log to file = false
[client.admin]
rgw frontends = beast endpoint=0.0.0.0:$port
END
}

make_cluster() {
    local map
    mkdir -p "$folder"/{mon,osd}
    cat /proc/sys/kernel/random/uuid >"$folder/fsid"
    configure
    map=$(mktemp -u)
    ceph-authtool --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *'
    ceph-authtool "$keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
    ceph-authtool "$keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
    monmaptool --create --fsid "$(<"$folder/fsid")" --addv a '[v2:127.0.0.1:3300]' "$map"
    ceph-mon --mkfs -i a --monmap "$map" --keyring "$keyring"
    rm "$map"
}

make_storage() {
    local osd
    osd=$(</proc/sys/kernel/random/uuid)
    ceph osd new "$osd" 0
    ceph auth add osd.0 -i "$keyring"
    # Without --osd-uuid the storage daemon never comes up.
    ceph-osd -i 0 --mkfs --osd-uuid "$osd"
}

start() {
    "$@" -f &
    daemons+=($!)
}

trap stop EXIT
trap 'exit 0' TERM INT

if [[ ! -e $made ]]; then
    : "${STORE_ACCESS_KEY:?is not set}" "${STORE_SECRET_KEY:?is not set}"
    say "making a new store in $folder"
    rm -rf "${folder:?}"/* # of a first start that was interrupted
    make_cluster >&2
fi
configure
start ceph-mon -i a
if [[ ! -e $made ]]; then
    make_storage >&2
fi
start ceph-osd -i 0
until ceph osd stat | grep -q '1 up'; do sleep 0.3; done
if [[ ! -e $made ]]; then
    radosgw-admin user create --uid=convexport --display-name=convexport \
        --access-key="$STORE_ACCESS_KEY" --secret-key="$STORE_SECRET_KEY" >/dev/null
    touch "$made"
fi
start radosgw -n client.admin
say "serving on port $port"
wait -n || true
say "one of the daemons has ended"
exit 1
