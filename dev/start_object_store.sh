#!/usr/bin/env bash
# Runs a real S3 server for tests: Ceph's RADOS Gateway with one monitor and one storage daemon in memory.
# Packages: dev/install_object_store.sh. It checks signatures and knows multipart uploads and versioning.
#
# Usage: start_object_store.sh          makes what is missing, then is the gateway, in the foreground
#        start_object_store.sh stop     stops the gateway, the storage daemon and the monitor
#
# Called again after only the gateway was killed, it starts the gateway alone, and all objects are still there.
# After a stop, or in a container that was made anew, begin with an empty folder. Several can run on one
# machine, each with its own folder and ports.
#
# Environment, with defaults:
#   STORE_FOLDER=./object-store       configuration, logs, process ids; empty or made by this script
#   STORE_HOST=127.0.0.1  STORE_PORT=9000    where S3 is served
#   STORE_MON_PORT=3300               port of the monitor, on loopback
#   STORE_ACCESS_KEY=TESTACCESSKEY  STORE_SECRET_KEY=testsecretkey    the one user, fit for tests only
#   STORE_MEMORY=4294967296           bytes that the objects may take
set -euo pipefail

folder=$(realpath -m "${STORE_FOLDER:-object-store}")
host=${STORE_HOST:-127.0.0.1} port=${STORE_PORT:-9000} mon_port=${STORE_MON_PORT:-3300}
access_key=${STORE_ACCESS_KEY:-TESTACCESSKEY} secret_key=${STORE_SECRET_KEY:-testsecretkey}
memory=${STORE_MEMORY:-4294967296}
keyring=$folder/keyring
export CEPH_CONF=$folder/ceph.conf

# Succeeds if the process of a daemon's pid file lives and is that daemon. (In a container there may be nobody
# who takes the dead away: state Z.)
runs() {
    local pid
    pid=$(cat "$folder/run/$1.pid" 2>/dev/null) && grep -q "^$pid ($2) [^Z]" "/proc/$pid/stat" 2>/dev/null
}

stop() {
    local daemon
    for daemon in client.admin:radosgw osd.0:ceph-osd mon.a:ceph-mon; do
        while runs "${daemon%:*}" "${daemon#*:}"; do
            kill -KILL "$(<"$folder/run/${daemon%:*}.pid")" || true
            sleep 0.05
        done
    done
}

configure() {
    mkdir -p "$folder"/{mon,osd/0,run}
    cat >"$CEPH_CONF" <<EOF
[global]
fsid = $1
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = $keyring
mon host = v2:127.0.0.1:$mon_port
# Without authentication the gateway hangs.
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
osd objectstore = memstore
memstore device bytes = $memory
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
run dir = $folder/run
log file = $folder/run/\$name.log
pid file = $folder/run/\$name.pid
admin socket = $folder/run/\$name.asok
[mon.a]
mon data = $folder/mon/a
[osd.0]
osd data = $folder/osd/0
[client.admin]
rgw frontends = beast endpoint=$host:$port
EOF
}

create() {
    local cluster osd
    cluster=$(</proc/sys/kernel/random/uuid) osd=$(</proc/sys/kernel/random/uuid)
    configure "$cluster"
    ceph-authtool --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *'
    ceph-authtool "$keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
    ceph-authtool "$keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
    monmaptool --create --clobber --fsid "$cluster" --addv a "[v2:127.0.0.1:$mon_port]" "$folder/monmap"
    ceph-mon --mkfs -i a --monmap "$folder/monmap" --keyring "$keyring"
    ceph-mon -i a
    ceph osd new "$osd" 0
    ceph auth add osd.0 -i "$keyring"
    # Without --osd-uuid the storage daemon never comes up.
    ceph-osd -i 0 --mkfs --osd-uuid "$osd"
    ceph-osd -i 0
    until ceph osd stat | grep -q '1 up'; do sleep 0.3; done
    radosgw-admin user create --uid=test --display-name=test \
        --access-key="$access_key" --secret-key="$secret_key" >/dev/null
}

case ${1:-start} in
start)
    if ! runs mon.a ceph-mon || ! runs osd.0 ceph-osd; then
        if [[ -n $(ls -A "$folder" 2>/dev/null) ]]; then
            echo "$folder is of a store that does not run any more; remove it, its objects were in memory." >&2
            exit 1
        fi
        create >&2
    fi
    echo $$ >"$folder/run/client.admin.pid" # which a gateway in the foreground does not write
    exec radosgw -f -n client.admin
    ;;
stop) stop ;;
*)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
    ;;
esac
