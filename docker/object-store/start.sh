#!/usr/bin/env bash
# Runs a small S3 server: Ceph's RADOS Gateway with one monitor and one storage daemon. No redundancy. It checks
# signatures and supports multipart uploads, versioning and conditional writes. The image of this folder runs it,
# and so do the tests and `make stack`, with the objects in memory.
#
# Usage: start.sh            the whole store
#        start.sh storage    only the monitor and the storage daemon, which hold the objects
#        start.sh gateway    only the gateway, which serves S3; waits for the storage of the same folder
#
# Stays in the foreground. SIGTERM stops what was started, the last one first; if one of the daemons ends by
# itself, the others are stopped and the exit status is 1. Several stores can run on one machine, each with a
# folder and ports of its own.
#
# Environment, with defaults:
#   STORE_FOLDER=./object-store     configuration, keys and objects; must be empty at the first start
#   STORE_HOST=127.0.0.1            address that S3 is served on
#   STORE_PORT=9000                 port that S3 is served on
#   STORE_MON_PORT=3300             port of the monitor, on 127.0.0.1
#   STORE_ACCESS_KEY, STORE_SECRET_KEY    the only user; required, used at the first start
#   STORE_BYTES=10737418240         size limit of all objects, set at the first start; the file is sparse
#   STORE_MEMORY                    if set, this many bytes of memory hold the objects, and each start of the
#                                   storage makes an empty store
set -euo pipefail

folder=$(realpath -m "${STORE_FOLDER:-object-store}")
host=${STORE_HOST:-127.0.0.1} port=${STORE_PORT:-9000} mon_port=${STORE_MON_PORT:-3300}
bytes=${STORE_BYTES:-10737418240} memory=${STORE_MEMORY:-}
keyring=$folder/keyring
made=$folder/made # exists once the store can be started again
export CEPH_CONF=$folder/ceph.conf
daemons=()

say() {
    echo "object store: $*" >&2
}

# Stops the daemons, the last one first: the storage daemon must write what the gateway has accepted. A daemon
# that does not end in time is killed: a gateway without its storage never ends.
# shellcheck disable=SC2317 # called by the trap
stop() {
    local number daemon deadline
    for ((number = ${#daemons[@]} - 1; number >= 0; number--)); do
        daemon=${daemons[number]} deadline=$((SECONDS + 12))
        kill "$daemon" 2>/dev/null || continue
        while kill -0 "$daemon" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
        kill -KILL "$daemon" 2>/dev/null || true
    done
}

start() {
    "$@" -f &
    daemons+=($!)
}

# Prints the settings of what holds the objects.
backend() {
    if [[ -n $memory ]]; then
        echo "osd objectstore = memstore"
        echo "memstore device bytes = $memory"
    else
        echo "osd objectstore = bluestore"
        echo "bluestore block size = $bytes"
        echo "bluestore cache autotune = false"
        echo "bluestore cache size = 67108864"
    fi
}

configure() {
    cat >"$CEPH_CONF.new" <<END
[global]
fsid = $(<"$folder/fsid")
keyring = $keyring
public addr = 127.0.0.1
cluster addr = 127.0.0.1
mon host = v2:127.0.0.1:$mon_port
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
$(backend)
run dir = $folder
admin socket =
pid file =
log to file = false
mon cluster log to file = false
[client.admin]
rgw frontends = beast endpoint=$host:$port
END
    mv "$CEPH_CONF.new" "$CEPH_CONF"
}

# Removes what a first start left that was interrupted, or a store in memory; never a folder of something else.
clear_folder() {
    if [[ -n $(ls -A "$folder") && ! -e $folder/fsid ]]; then
        say "$folder is not empty, and it is not the folder of an object store"
        exit 1
    fi
    rm -rf "$made" "${folder:?}"/*
}

make_cluster() {
    mkdir "$folder"/{mon,osd}
    ceph-authtool --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *'
    ceph-authtool "$keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
    ceph-authtool "$keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
    monmaptool --create --fsid "$(<"$folder/fsid")" --addv a "[v2:127.0.0.1:$mon_port]" "$folder/monmap"
    ceph-mon --mkfs -i a --monmap "$folder/monmap" --keyring "$keyring"
}

make_storage() {
    local osd
    osd=$(</proc/sys/kernel/random/uuid)
    ceph osd new "$osd" 0
    ceph auth add osd.0 -i "$keyring"
    # Without --osd-uuid the storage daemon never comes up.
    ceph-osd -i 0 --mkfs --osd-uuid "$osd"
}

make_user() {
    radosgw-admin user create --uid=convexport --display-name=convexport \
        --access-key="$STORE_ACCESS_KEY" --secret-key="$STORE_SECRET_KEY" >/dev/null
}

storage_is_up() {
    ceph osd stat | grep --quiet '1 up'
}

start_storage() {
    mkdir -p "$folder"
    if [[ -n $memory || ! -e $made ]]; then
        : "${STORE_ACCESS_KEY:?is not set}" "${STORE_SECRET_KEY:?is not set}"
        clear_folder
        say "making a new store in $folder"
        cat /proc/sys/kernel/random/uuid >"$folder/fsid"
        configure
        make_cluster >&2
    fi
    configure
    start ceph-mon -i a
    [[ -e $made ]] || make_storage >&2
    start ceph-osd -i 0
    until storage_is_up; do sleep 0.3; done
    if [[ ! -e $made ]]; then
        make_user
        touch "$made"
    fi
}

wait_for_storage() {
    until [[ -e $made ]] && storage_is_up 2>/dev/null; do sleep 0.3; done
}

start_gateway() {
    start radosgw -n client.admin
    say "serving S3 on $host:$port"
}

trap stop EXIT
trap 'exit 0' TERM INT

case ${1:-all} in
all)
    start_storage
    start_gateway
    ;;
storage) start_storage ;;
gateway)
    wait_for_storage
    start_gateway
    ;;
*)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
    ;;
esac
wait -n || true
say "one of the daemons has ended"
exit 1
