from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pendulum
import pytest
from airflow.sdk import DAG, Asset, AssetAlias, ObjectStoragePath

from airflow_provider_convexport.compat import AirflowFailException, AirflowRescheduleException
from airflow_provider_convexport.errors import IncompleteExportError, VendorUnavailableError
from airflow_provider_convexport.export.fetch.retry import RetryPolicy
from airflow_provider_convexport.hooks.vendors import vendors
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator
from tests.support import published
from tests.support.connections import KEY
from tests.support.streams import case_of, operator_of
from tests.support.tiny_server import Answer, as_json

APRIL_1 = pendulum.datetime(2026, 4, 1)
INTERVAL = {
    "data_interval_start": APRIL_1,
    "data_interval_end": APRIL_1.add(days=1),
    "run_id": "scheduled__1",
}
OTHER_DAY = {"data_interval_start": APRIL_1.add(days=1), "data_interval_end": APRIL_1.add(days=2)}
OPERATORS = {vendor: operator_of(vendor) for vendor in vendors()}
EVERY = pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)


@pytest.fixture
def ada(connect, server):
    connect("ada", server.url)
    records = [
        {"_id": "a", "date_created": "2026-04-01T12:00:00"},
        {"_id": "b", "date_created": "2026-04-01T13:00:00"},
    ]
    server.fallback = lambda asked: as_json({"data": records, "meta": {"next_page_uri": None}})
    return server


def task_of(destination, kind=AdaExportOperator, **arguments):
    return kind(task_id="export", destination=str(destination), **arguments)


def execute(destination, context=None, **arguments):
    return task_of(destination, **arguments).execute(INTERVAL if context is None else context)


def manifests(folder):
    return list(published.manifests(folder).values())


class OutletEvents:
    """As Airflow's: by asset, whose hash fails in Airflow 3.1."""

    def __init__(self):
        self.extras = {}

    def __getitem__(self, asset):
        return SimpleNamespace(extra=self.extras.setdefault(asset.name, {}))


class TestConstructor:
    @EVERY
    def test_it_assigns_and_does_nothing_else(self, operator):
        """Even nonsense is only looked at when the task runs, after its templates were rendered."""
        given = {
            "destination": "nowhere://{{ ds }}",
            "stream": "{{ no }}",
            "window_on": "nonsense",
            "filters": {"x": "{{ y }}"},
            "interval_start": "{{ start }}",
            "period": "nonsense",
            "partition_by": "century",
            "compression": "rar",
            "target_file_bytes": -1,
            "page_size": -1,
            "concurrency": 0,
            "on_unsettled": "panic",
        }

        task = operator(task_id="export", **given)

        assert {name: getattr(task, name) for name in given} == given

    @EVERY
    def test_every_template_field_is_an_argument_of_the_same_name(self, operator):
        fields = set(operator.template_fields)

        task = operator(task_id="export", destination="d")

        assert fields >= {"destination", "destination_conn_id", "filters", "interval_start", "interval_end"}
        assert all(hasattr(task, field) for field in fields)

    def test_each_vendors_own_arguments_are_templated(self):
        assert {"applied_labs_conn_id", "shop_id"} <= set(AppliedLabsExportOperator.template_fields)
        assert {"agentx_conn_id", "bot_name"} <= set(AgentXExportOperator.template_fields)
        assert "ada_conn_id" in AdaExportOperator.template_fields

    def test_templates_are_rendered(self):
        task = AgentXExportOperator(
            task_id="export",
            destination="/raw/{{ run_id }}",
            filters={"conversation_id": "{{ params.c }}"},
            interval_start="{{ params.start }}",
            bot_name="bot-{{ params.c }}",
            agentx_conn_id="agentx_{{ params.c }}",
        )

        task.render_template_fields({"run_id": "r1", "params": {"c": "c1", "start": "2026-04-01T00:00:00Z"}})

        assert task.destination == "/raw/r1"
        assert task.filters == {"conversation_id": "c1"}
        assert (task.interval_start, task.bot_name, task.agentx_conn_id) == (
            "2026-04-01T00:00:00Z",
            "bot-c1",
            "agentx_c1",
        )

    def test_the_hook_gets_the_tasks_connection_and_scope(self):
        assert task_of("d", AdaExportOperator, ada_conn_id="a").hook.ada_conn_id == "a"
        labs = task_of("d", AppliedLabsExportOperator, applied_labs_conn_id="l", shop_id="s").hook
        assert (labs.applied_labs_conn_id, labs.shop_id) == ("l", "s")
        bot = task_of("d", AgentXExportOperator, agentx_conn_id="x", bot_name="b").hook
        assert (bot.agentx_conn_id, bot.bot_name) == ("x", "b")


class TestFacts:
    def test_execute_returns_the_facts(self, ada, tmp_path):
        facts = execute(tmp_path / "set")

        manifest = tmp_path / "set" / "dt=2026-04-01" / "_manifest.json"
        assert facts == {
            "vendor": "ada",
            "stream": "conversations",
            "interval": ["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"],
            "records": 2,
            "bytes": sum(file["bytes"] for file in json.loads(manifest.read_text())["files"]),
            "requests": 1,
            "manifests": [f"file://{manifest}"],
        }
        assert json.loads(json.dumps(facts)) == facts

    def test_the_facts_go_to_every_outlets_event(self, ada, tmp_path):
        events = OutletEvents()
        outlets = [
            Asset(name="one", uri="s3://b/one"),
            Asset(name="two", uri="s3://b/two"),
            AssetAlias("alias"),
        ]

        facts = execute(tmp_path / "set", {**INTERVAL, "outlet_events": events}, outlets=outlets)

        assert events.extras["one"] == events.extras["two"]
        assert events.extras["one"].items() >= facts.items()

    def test_the_run_is_named_in_the_manifest(self, ada, tmp_path):
        ti = SimpleNamespace(dag_id="my_dag", task_id="export", map_index=4, try_number=3, run_id="r")

        execute(tmp_path / "set", {**INTERVAL, "ti": ti})

        (manifest,) = manifests(tmp_path)
        assert {
            name: manifest[name] for name in ("dag_id", "task_id", "run_id", "map_index", "try_number")
        } == {
            "dag_id": "my_dag",
            "task_id": "export",
            "run_id": "scheduled__1",
            "map_index": 4,
            "try_number": 3,
        }

    def test_a_dag_is_named_even_without_a_task_instance(self, ada, tmp_path):
        with DAG("outer", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
            task = task_of(tmp_path / "set")

        task.execute(INTERVAL)

        assert manifests(tmp_path)[0]["dag_id"] == "outer"

    def test_nothing_that_is_returned_or_published_holds_the_key(self, ada, tmp_path):
        facts = execute(tmp_path / "set")

        assert KEY not in json.dumps([facts, manifests(tmp_path)])

    def test_no_log_line_holds_the_key_or_a_record(self, ada, tmp_path, caplog):
        caplog.set_level("DEBUG")
        execute(tmp_path / "set")

        assert KEY not in caplog.text
        assert "date_created" not in caplog.text


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"stream": "tickets"}, "stream='tickets' does not exist at Ada"),
            ({"window_on": "resolved"}, "window_on='resolved' does not exist"),
            ({"filters": {"x": 1}}, r"filters \['x'\] do not exist"),
            ({"page_size": 5}, "page_size=5 is not accepted by Ada"),
            ({"target_file_bytes": 0}, "target_file_bytes=0 is not a whole number of 1 or more"),
            ({"concurrency": 0}, "concurrency=0 is not a whole number of 1 or more"),
            ({"partition_by": "week"}, "partition_by='week' is not one of"),
            ({"compression": "rar"}, "compression='rar' is not one of"),
            ({"on_unsettled": "panic"}, "on_unsettled='panic' is not one of"),
            ({"interval_start": "2026-04-01T00:00:00Z"}, "Only interval_start is given"),
            ({"period": 5}, "is not a positive timedelta"),
            (
                {"interval_start": "2026-04-01T01:00:00Z", "interval_end": "2026-04-02T00:00:00Z"},
                "whole UTC days",
            ),
            ({"destination_conn_id": "other", "destination": "s3://conn@bucket/x"}, "keep one of them"),
        ],
    )
    def test_a_wrong_argument_fails_without_retry_and_without_any_request(
        self, ada, tmp_path, arguments, message
    ):
        with pytest.raises(AirflowFailException, match=message):
            execute(**{"destination": tmp_path / "set", **arguments})

        assert ada.asked == []

    def test_a_run_without_an_interval_fails_without_retry(self, ada, tmp_path):
        with pytest.raises(AirflowFailException, match="This run has no data interval"):
            execute(tmp_path / "set", {"run_id": "asset_triggered__1"})

    def test_an_unusable_connection_fails_without_retry(self, connect, tmp_path):
        connect("ada", "http://acme.example")

        with pytest.raises(AirflowFailException, match="uses plain http"):
            execute(tmp_path / "set")

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
    def test_a_refusal_for_good_fails_without_retry(self, ada, tmp_path, status):
        ada.fallback = lambda asked: Answer(status, b"what a customer said", {"X-Request-Id": "r7"})

        with pytest.raises(AirflowFailException, match=f"status {status} .request id r7") as caught:
            execute(tmp_path / "set")

        assert KEY not in str(caught.value)
        assert "customer" not in str(caught.value)
        assert len(ada.asked) == 1
        assert manifests(tmp_path) == []

    def test_a_broken_answer_is_left_to_airflows_retries(self, ada, tmp_path):
        ada.fallback = lambda asked: as_json({"errors": []})

        with pytest.raises(IncompleteExportError, match="without its record list"):
            execute(tmp_path / "set")

    def test_a_vendor_that_is_down_is_left_to_airflows_retries(self, ada, tmp_path):
        ada.fallback = lambda asked: Answer(503)
        twice = RetryPolicy(max_tries=2, base_delay=0.001)
        case = case_of("ada").with_hook(lambda hook: setattr(hook, "retry", twice))

        with pytest.raises(VendorUnavailableError, match="status 503"):
            execute(tmp_path / "set", kind=case.operator)

    @pytest.mark.parametrize("other", [{"stream": "messages"}, {"window_on": "updated"}])
    def test_a_destination_of_another_stream_is_refused_before_any_request(self, ada, tmp_path, other):
        execute(tmp_path / "set")
        ada.asked.clear()

        with pytest.raises(AirflowFailException, match="give each kind of export a destination of its own"):
            execute(tmp_path / "set", **other)
        assert ada.asked == []

    def test_a_destination_of_another_vendor_is_refused_before_any_request(self, ada, connect, tmp_path):
        execute(tmp_path / "set")
        connect("applied_labs", ada.url)
        ada.asked.clear()

        with pytest.raises(AirflowFailException, match="holds a dataset with vendor='ada'"):
            execute(tmp_path / "set", kind=AppliedLabsExportOperator)
        assert ada.asked == []

    def test_a_destination_of_another_ada_instance_is_refused_before_any_request(
        self, ada, connect, tmp_path
    ):
        execute(tmp_path / "set")
        there = ada.url.removeprefix("http://")
        connect("ada", "https://other.ada.support")

        refusal = f"account='{there}', and this task exports account='other.ada.support'"
        with pytest.raises(AirflowFailException, match=f"holds a dataset with {refusal}"):
            execute(tmp_path / "set", INTERVAL | OTHER_DAY)

        (tmp_path / "set" / "_dataset.json").unlink()
        with pytest.raises(AirflowFailException, match=f"holds a partition with {refusal}"):
            execute(tmp_path / "set")
        assert not (tmp_path / "set" / "_dataset.json").exists()


class TestWaiting:
    NOW = datetime.now(UTC).replace(microsecond=0)

    def fresh(self, hours=1):
        """An interval that ended an hour ago; Ada's settle after two."""
        end = pendulum.instance(self.NOW) - timedelta(hours=hours)
        return {"data_interval_start": end.subtract(hours=1), "data_interval_end": end, "run_id": "r"}

    def test_an_unsettled_interval_gives_the_slot_back_until_it_has_settled(self, ada, tmp_path):
        with pytest.raises(AirflowRescheduleException) as caught:
            execute(tmp_path / "set", self.fresh(), partition_by="interval")

        assert caught.value.reschedule_date == self.NOW + timedelta(hours=1)
        assert ada.asked == []

    def test_the_dag_may_say_when_an_interval_has_settled(self, ada, tmp_path):
        with pytest.raises(AirflowRescheduleException) as caught:
            execute(tmp_path / "set", self.fresh(), partition_by="interval", settle=timedelta(days=2))
        assert caught.value.reschedule_date == self.NOW + timedelta(hours=47)

        execute(tmp_path / "set", self.fresh(), partition_by="interval", settle=timedelta(0))

    def test_an_interval_that_ends_in_the_future_has_not_settled(self, ada, tmp_path):
        with pytest.raises(AirflowRescheduleException):
            execute(tmp_path / "set", self.fresh(hours=-1), partition_by="interval", settle=timedelta(0))

    def test_an_unsettled_interval_may_fail_the_try(self, ada, tmp_path):
        with pytest.raises(
            IncompleteExportError,
            match=r"settles at .*Nothing was exported; run later, or use on_unsettled='wait'",
        ):
            execute(tmp_path / "set", self.fresh(), partition_by="interval", on_unsettled="fail")

    def test_an_unsettled_interval_may_be_exported_as_it_is(self, ada, tmp_path):
        facts = execute(tmp_path / "set", self.fresh(), partition_by="interval", on_unsettled="export")

        assert facts["requests"] == 1

    def test_a_long_pause_gives_the_slot_back_for_that_long(self, ada, tmp_path):
        ada.script = [Answer(429, headers={"Retry-After": "3600"})]

        with pytest.raises(AirflowRescheduleException) as caught:
            execute(tmp_path / "set")

        wait = caught.value.reschedule_date - datetime.now(UTC)
        assert timedelta(minutes=59) < wait <= timedelta(hours=1, seconds=1)
        assert manifests(tmp_path) == []

    def test_after_a_long_pause_the_export_goes_on(self, ada, tmp_path):
        link = f"{ada.url}/api/v2/export/conversations?page=2"
        first = {
            "data": [{"_id": "a", "date_created": "2026-04-01T12:00:00"}],
            "meta": {"next_page_uri": link},
        }
        ada.script = [as_json(first), Answer(429, headers={"Retry-After": "3600"})]
        with pytest.raises(AirflowRescheduleException):
            execute(tmp_path / "set", concurrency=1)
        ada.asked.clear()

        facts = execute(tmp_path / "set", concurrency=1)

        assert [asked.path for asked in ada.asked] == ["/api/v2/export/conversations"]
        assert "page=2" in ada.targets[0]
        assert (facts["records"], facts["requests"]) == (2, 3)


class TestDestination:
    @pytest.mark.parametrize("form", ["{path}", "file://{path}", "{path}/"])
    def test_a_local_folder_in_any_form(self, ada, tmp_path, form):
        root = tmp_path / "raw data" / "ada"

        facts = execute(form.format(path=root))

        assert (root / "dt=2026-04-01" / "_manifest.json").exists()
        assert facts["manifests"] == [f"file://{root}/dt=2026-04-01/_manifest.json"]

    def test_a_path_object(self, ada, tmp_path):
        task = AdaExportOperator(task_id="export", destination=ObjectStoragePath(f"file://{tmp_path}/set"))

        task.execute(INTERVAL)

        assert len(manifests(tmp_path)) == 1

    @pytest.mark.parametrize("destination", ["raw/ada", "./raw", "~/raw", "file://raw/ada", "file:/raw"])
    def test_a_path_that_is_not_absolute_is_refused_because_processes_would_disagree(
        self, ada, tmp_path, monkeypatch, destination
    ):
        monkeypatch.chdir(tmp_path)

        with pytest.raises(AirflowFailException, match="is not an absolute path, so the place would depend"):
            execute(destination)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("destination", ["", "/", "file:///", "nowhere://bucket/x", "s3://"])
    def test_a_destination_that_cannot_be_used_fails_without_retry(self, ada, destination):
        with pytest.raises(AirflowFailException, match="destination="):
            execute(destination)
        assert ada.asked == []

    @pytest.mark.parametrize(
        "error", [ImportError("no gcsfs"), ValueError("No filesystem registered for scheme gs")]
    )
    def test_a_store_whose_library_is_missing_names_the_extra_to_install(
        self, ada, tmp_path, monkeypatch, error
    ):
        def missing(self):
            raise error

        monkeypatch.setattr(ObjectStoragePath, "fs", property(missing))

        with pytest.raises(
            AirflowFailException, match=r"install airflow-provider-convexport\[s3\], \[gcs\] or \[azure\]"
        ):
            execute(tmp_path / "set")
        assert ada.asked == []

    def test_an_empty_destination_conn_id_is_none(self, ada, tmp_path):
        execute(f"file://{tmp_path}/set", destination_conn_id="")

        assert len(manifests(tmp_path)) == 1


class TestVendors:
    def test_applied_labs_writes_by_shop(self, connect, answer_empty, tmp_path):
        connect("applied_labs", answer_empty.url)
        shop = "22222222-2222-4222-8222-222222222222"

        execute(tmp_path, kind=AppliedLabsExportOperator, shop_id=shop)

        assert (tmp_path / f"shop_id={shop}" / "dt=2026-04-01" / "_manifest.json").exists()
        assert answer_empty.asked[0].headers["X-Shop-Id"] == shop

    def test_agentx_writes_by_bot(self, connect, answer_empty, tmp_path):
        connect("agentx", answer_empty.url)

        execute(tmp_path, kind=AgentXExportOperator, bot_name="Zürich/1", stream="messages")

        assert (tmp_path / "bot_name=Z%C3%BCrich%2F1" / "dt=2026-04-01" / "_manifest.json").exists()

    def test_two_bots_share_a_destination(self, connect, answer_empty, tmp_path):
        connect("agentx", answer_empty.url)

        for bot in ("one", "two"):
            execute(tmp_path, kind=AgentXExportOperator, bot_name=bot)

        assert [manifest["scope"] for manifest in manifests(tmp_path)] == [
            {"bot_name": "one"},
            {"bot_name": "two"},
        ]

    @EVERY
    @pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
    def test_every_vendor_writes_every_compression(
        self, connect, answer_empty, tmp_path, operator, compression
    ):
        for vendor in OPERATORS:
            connect(vendor, answer_empty.url)

        facts = execute(tmp_path, kind=operator, compression=compression, partition_by="hour")

        assert (facts["records"], len(facts["manifests"])) == (0, 24)
