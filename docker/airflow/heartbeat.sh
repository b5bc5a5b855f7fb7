#!/usr/bin/env bash
# Succeeds if a component of Airflow (dag_processor, triggerer) has a fresh heartbeat, says the API server.
set -euo pipefail

curl --fail --silent http://airflow-api-server:8080/api/v2/monitor/health |
    grep --quiet --extended-regexp "\"$1\": *\{[^}]*\"status\": *\"healthy\""
