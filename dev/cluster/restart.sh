#!/bin/sh
# Runs a command again whenever it ends, as a container with "restart: always" does.
while :; do
    "$@"
    echo "restart.sh: ended with $?; starting it again in 2 s: $*"
    sleep 2
done
