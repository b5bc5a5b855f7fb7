"""What Airflow reads about this package at the start of every process; imports nothing."""

from __future__ import annotations

# Airflow calls this while it loads its own configuration, so importing anything of Airflow here would break
# `import airflow` for the whole installation.


def get_provider_info() -> dict[str, object]:
    """Return the provider's metadata: connection types with their forms, hooks, operators, configuration."""
    return {
        "package-name": "airflow-provider-convexport",
        "name": "Conversation Export",
        "description": (
            "Exports AI support conversations of Applied Labs, Ada and AgentX Support to object storage."
        ),
        "integrations": [
            _integration("Applied Labs", "https://appliedlabs.ai/docs/developer-reference/data-export"),
            _integration("Ada", "https://docs.ada.cx/reference/data-export/overview"),
            _integration(
                "AgentX Support",
                "https://docs.workato.com/en/agentic/agentx-support/analytics/export-api.html",
            ),
        ],
        "hooks": _modules("hooks"),
        "operators": _modules("operators"),
        "sensors": _sensors(),
        "cli": ["airflow_provider_convexport.cli.definitions.get_commands"],
        "connection-types": [
            {
                "connection-type": "applied_labs",
                "hook-name": "Applied Labs",
                "hook-class-name": "airflow_provider_convexport.hooks.applied_labs.AppliedLabsHook",
                "ui-field-behaviour": _behaviour("https://core.appliedlabs.ai"),
                "conn-fields": {
                    "shop_id": {
                        "label": "Shop id",
                        "description": "UUID of the shop to export, unless a Dag names another.",
                        "schema": {"type": ["string", "null"]},
                    },
                    **_common_fields(),
                },
            },
            {
                "connection-type": "ada",
                "hook-name": "Ada",
                "hook-class-name": "airflow_provider_convexport.hooks.ada.AdaHook",
                "ui-field-behaviour": _behaviour("https://your-instance.ada.support"),
                "conn-fields": _common_fields(),
            },
            {
                "connection-type": "agentx",
                "hook-name": "AgentX Support (Workato)",
                "hook-class-name": "airflow_provider_convexport.hooks.agentx.AgentXHook",
                "ui-field-behaviour": _behaviour("https://api.converseapps.com"),
                "conn-fields": {
                    "bot_name": {
                        "label": "Bot name",
                        "description": "Name or id of the bot to export, unless a Dag names another.",
                        "schema": {"type": ["string", "null"]},
                    },
                    **_common_fields(),
                },
            },
        ],
        "config": {
            "convexport": {
                "description": "Exports of AI support conversations.",
                "options": {
                    "budget_storage": {
                        "description": (
                            "Where requests are counted, so that the vendor's limit holds for all tasks: "
                            "'machine' (all processes of one user on one machine), 'memory' (one process), "
                            "or a redis:// URL (all workers; needs the extra redis)."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "redis://redis:6379/1",
                        "default": "machine",
                        "sensitive": True,
                    },
                    "checkpoint_max_age": {
                        "description": (
                            "Seconds for which the staged work of a failed try may be continued by the next; "
                            "older work is thrown away and the interval is exported from its beginning."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "3600",
                        "default": "86400",
                    },
                },
            },
        },
    }


_VENDORS = (("Applied Labs", "applied_labs"), ("Ada", "ada"), ("AgentX Support", "agentx"))


def _integration(name: str, url: str) -> dict[str, object]:
    return {"integration-name": name, "external-doc-url": url, "tags": ["service"]}


def _modules(kind: str) -> list[dict[str, object]]:
    return [
        {
            "integration-name": name,
            "python-modules": [f"airflow_provider_convexport.{kind}.{module}"],
        }
        for name, module in _VENDORS
    ]


def _sensors() -> list[dict[str, object]]:
    modules = [f"airflow_provider_convexport.sensors.{name}" for name in ("interval_settled", "partition")]
    return [{"integration-name": name, "python-modules": modules} for name, _ in _VENDORS]


def _behaviour(address: str) -> dict[str, object]:
    return {
        "hidden-fields": ["login", "port", "schema"],
        "relabeling": {"host": "Address", "password": "API key"},
        "placeholders": {"host": address},
    }


def _common_fields() -> dict[str, object]:
    return {
        "timeout": {
            "label": "Timeout",
            "description": "Seconds to wait between two reads of an answer (120 if left out).",
            "schema": {"type": ["number", "null"]},
        },
        "verify": {
            "label": "CA bundle",
            "description": "Path of the CA bundle that signed the certificate, if not the system's own.",
            "schema": {"type": ["string", "null"]},
        },
        "proxies": {
            "label": "Proxies",
            "description": 'Proxy URLs by scheme, such as {"https": "http://proxy:3128"}.',
            "schema": {"type": ["string", "null"]},
        },
        "allow_http": {
            "label": "Allow plain http",
            "description": "Only where the way to the address is private: the key travels unencrypted.",
            "schema": {"type": ["boolean", "null"]},
        },
    }
