from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points

from airflow_provider_convexport.plugin import ConversationExportPlugin


def output_of(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_entry_point_leads_to_the_plugin():
    (entry_point,) = (
        entry_point
        for entry_point in entry_points(group="airflow.plugins")
        if entry_point.value.startswith("airflow_provider_convexport.")
    )

    assert entry_point.load() is ConversationExportPlugin


def test_airflow_loads_the_timetable_and_meets_no_error():
    timetables, errors = output_of(
        "import json\n"
        "from airflow import plugins_manager\n"
        "names = [name for name in plugins_manager.get_timetables_plugins()] if "
        "hasattr(plugins_manager, 'get_timetables_plugins') else None\n"
        "if names is None:\n"
        "    plugins_manager.initialize_timetables_plugins()\n"
        "    names = list(plugins_manager.timetable_classes)\n"
        "errors = getattr(plugins_manager, 'import_errors', None)\n"
        "errors = plugins_manager.get_import_errors() if errors is None else errors\n"
        "print(json.dumps([names, errors]))"
    )

    assert timetables == ["airflow_provider_convexport.timetables.export_window.ExportWindowTimetable"]
    assert errors == {}


def test_importing_the_plugin_loads_nothing_that_airflow_has_not_loaded():
    loaded = output_of(
        "import json, sys\n"
        "import airflow.listeners, airflow.sdk, airflow.timetables.base\n"
        "import airflow.providers.common.compat.sdk\n"
        "airflow.providers.common.compat.sdk.AirflowPlugin\n"
        "before = set(sys.modules)\n"
        "import airflow_provider_convexport.plugin\n"
        "print(json.dumps(sorted(set(sys.modules) - before - set(sys.stdlib_module_names))))"
    )

    assert {name.split(".")[0] for name in loaded} - {"zoneinfo"} == {"airflow_provider_convexport"}
    assert not [name for name in loaded if ".hooks" in name or ".operators" in name]
