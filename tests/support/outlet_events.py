"""What Airflow gives a task for the events of its outlets."""

from __future__ import annotations

from typing import Any


class ByAsset:
    """What Airflow gives for each asset; before Airflow 3.2 an asset is no key of a dict."""

    def __init__(self, *items: tuple[Any, Any]) -> None:
        self._items = items

    def __getitem__(self, asset: Any) -> Any:
        return next(value for key, value in self._items if key == asset)

    def values(self) -> list[Any]:
        return [value for _, value in self._items]
