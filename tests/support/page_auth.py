"""Airflow's simple auth manager, but viewers may not see plugins."""

from __future__ import annotations

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class NoPluginsForViewers(SimpleAuthManager):
    """Differs from its base in one answer."""

    def is_authorized_view(self, *, access_view, user):
        if access_view is AccessView.PLUGINS and str(user.role).lower() == "viewer":
            return False
        return super().is_authorized_view(access_view=access_view, user=user)
