"""The provider's metadata, which Airflow reads at the start of every process.

This module must not import anything. Airflow calls `get_provider_info` while it loads its own configuration,
so an import of Airflow here would break ``import airflow`` for the whole installation.
"""

from __future__ import annotations

_PACKAGE = "airflow_provider_convexport"
_OPERATORS = (f"{_PACKAGE}.operators.audit", f"{_PACKAGE}.operators.tables")
_LINKS = (f"{_PACKAGE}.operators.links.PartitionsLink", f"{_PACKAGE}.operators.links.ObjectStoreLink")
_SENSORS = (f"{_PACKAGE}.sensors.interval_settled", f"{_PACKAGE}.sensors.partition")

# One entry per vendor, the only place that lists them. Integrations, modules and connection types below are
# derived from it, and so is everything else that has to find a vendor by its name.
#   name          the vendor's name in Airflow's list of integrations
#   module        module of the vendor in hooks/ and operators/; also the connection type
#   hook_name     label of the connection type in the UI
#   hook_class    class in the hook's module
#   docs          URL of the vendor's API documentation
#   address       example or default address, shown in the empty form field
#   scope         optional: extra that selects the shop or bot, with its label and description in the form
#   hooks, operators, simulator, tables
#                 optional: full name of the vendor's module of that kind, if it is not in this package
VENDORS: tuple[dict[str, str], ...] = (
    {
        "name": "Applied Labs",
        "module": "applied_labs",
        "hook_name": "Applied Labs",
        "hook_class": "AppliedLabsHook",
        "docs": "https://appliedlabs.ai/docs/developer-reference/data-export",
        "address": "https://core.appliedlabs.ai",
        "scope": "shop_id",
        "scope_label": "Shop id",
        "scope_description": "UUID of the shop to export, unless a Dag names another.",
    },
    {
        "name": "Ada",
        "module": "ada",
        "hook_name": "Ada",
        "hook_class": "AdaHook",
        "docs": "https://docs.ada.cx/reference/data-export/overview",
        "address": "https://your-instance.ada.support",
    },
    {
        "name": "AgentX Support",
        "module": "agentx",
        "hook_name": "AgentX Support (Workato)",
        "hook_class": "AgentXHook",
        "docs": "https://docs.workato.com/en/agentic/agentx-support/analytics/export-api.html",
        "address": "https://api.converseapps.com",
        "scope": "bot_name",
        "scope_label": "Bot name",
        "scope_description": "Name or id of the bot to export, unless a Dag names another.",
    },
)


def get_provider_info() -> dict[str, object]:
    """Return the provider's metadata: integrations, hooks, operators, connection forms and configuration."""
    return {
        "package-name": "airflow-provider-convexport",
        "name": "Conversation Export",
        "description": (
            "Exports AI support conversations of Applied Labs, Ada and AgentX Support to object storage."
        ),
        "integrations": [_integration(vendor) for vendor in VENDORS],
        "hooks": [_modules(vendor, module_of(vendor, "hooks")) for vendor in VENDORS],
        "operators": [_modules(vendor, module_of(vendor, "operators"), *_OPERATORS) for vendor in VENDORS],
        "sensors": [_modules(vendor, *_SENSORS) for vendor in VENDORS],
        "extra-links": list(_LINKS),
        "cli": [f"{_PACKAGE}.cli.definitions.get_commands"],
        "connection-types": [_connection_type(vendor) for vendor in VENDORS],
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
                    "page_reads_destinations": {
                        "description": (
                            "Whether the coverage page may read manifests from destinations when somebody "
                            "asks for it; the API server then needs access to them."
                        ),
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": "True",
                        "default": "False",
                    },
                },
            },
        },
    }


def module_of(vendor: dict[str, str], kind: str) -> str:
    """Return the full name of a vendor's module.

    :param vendor: An entry of `VENDORS`.
    :param kind: ``"hooks"``, ``"operators"``, ``"simulator"`` or ``"tables"``.
    """
    return vendor.get(kind, f"{_PACKAGE}.{kind}.{vendor['module']}")


def _integration(vendor: dict[str, str]) -> dict[str, object]:
    return {"integration-name": vendor["name"], "external-doc-url": vendor["docs"], "tags": ["service"]}


def _modules(vendor: dict[str, str], *modules: str) -> dict[str, object]:
    return {"integration-name": vendor["name"], "python-modules": list(modules)}


def _connection_type(vendor: dict[str, str]) -> dict[str, object]:
    return {
        "connection-type": vendor["module"],
        "hook-name": vendor["hook_name"],
        "hook-class-name": f"{module_of(vendor, 'hooks')}.{vendor['hook_class']}",
        "ui-field-behaviour": _behaviour(vendor["address"]),
        "conn-fields": _scope_field(vendor) | _common_fields(),
    }


def _scope_field(vendor: dict[str, str]) -> dict[str, object]:
    if "scope" not in vendor:
        return {}
    return {
        vendor["scope"]: {
            "label": vendor["scope_label"],
            "description": vendor["scope_description"],
            "schema": {"type": ["string", "null"]},
        }
    }


def _behaviour(address: str) -> dict[str, object]:
    return {
        "hidden-fields": ["login", "schema"],
        "relabeling": {"host": "Address", "password": "API key"},
        "placeholders": {"host": address, "port": "443"},
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
