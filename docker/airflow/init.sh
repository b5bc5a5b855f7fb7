#!/usr/bin/env bash
# Prepares what Airflow's services expect; doing it again changes nothing.
set -euo pipefail

airflow db migrate
airflow pools import /opt/convexport/docker/pools.json
python /opt/convexport/docker/make_bucket.py "$S3_BUCKET"

passwords=$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE
umask 077
printf '{"admin": "%s"}\n' "$AIRFLOW_ADMIN_PASSWORD" >"$passwords.new"
mv "$passwords.new" "$passwords"
echo "Airflow is prepared."
