"""Exceptions that have other names in older Airflow versions, where only tests need them."""

from __future__ import annotations

try:
    from airflow.sdk.exceptions import AirflowSensorTimeout as SensorTimeout
except ImportError:  # Airflow 3.1
    from airflow.exceptions import AirflowSensorTimeout as SensorTimeout

__all__ = ["SensorTimeout"]
