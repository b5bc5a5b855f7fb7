from __future__ import annotations

from tests.hooks.conftest import _long_memory, _no_pacing, answer_empty, connect, refuse, server

try:
    from airflow.sdk.exceptions import AirflowSensorTimeout as SensorTimeout
except ImportError:  # Airflow 3.1
    from airflow.exceptions import AirflowSensorTimeout as SensorTimeout

__all__ = ["SensorTimeout", "_long_memory", "_no_pacing", "answer_empty", "connect", "refuse", "server"]
