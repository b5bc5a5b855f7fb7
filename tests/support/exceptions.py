"""Exceptions that have other names in older Airflow versions, where only tests need them."""

from __future__ import annotations

try:
    from airflow.sdk.exceptions import AirflowSensorTimeout as SensorTimeout
    from airflow.sdk.exceptions import AirflowTaskTimeout as TaskTimeout
except ImportError:  # Airflow 3.1
    from airflow.exceptions import AirflowSensorTimeout as SensorTimeout
    from airflow.exceptions import AirflowTaskTimeout as TaskTimeout

__all__ = ["SensorTimeout", "TaskTimeout"]
