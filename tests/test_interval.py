from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pendulum
import pytest

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, utc
from airflow_provider_convexport.interval import interval_of, names_interval

DAY = timedelta(days=1)
APRIL_1 = pendulum.datetime(2026, 4, 1)
EXPECTED = Window(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC))
LATER = {"data_interval_start": APRIL_1.add(days=9), "data_interval_end": APRIL_1.add(days=10)}
TOKYO = {
    "data_interval_start": APRIL_1.in_timezone("Asia/Tokyo"),
    "data_interval_end": APRIL_1.add(days=1).in_timezone("Asia/Tokyo"),
}


def context(**keys):
    """A context as Airflow 3.3 gives it: partition keys are there but null, interval keys may be missing."""
    return {"dag_run": SimpleNamespace(conf={}), "partition_key": None, "partition_date": None, **keys}


def instant(moment):
    return {"data_interval_start": moment, "data_interval_end": moment}


def conf(**values):
    return {"dag_run": SimpleNamespace(conf=values)}


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(
            {"data_interval_start": APRIL_1, "data_interval_end": APRIL_1.add(days=1)}, id="data interval"
        ),
        pytest.param(TOKYO, id="data interval in another zone"),
        pytest.param(instant(APRIL_1.add(days=1)), id="@daily scheduled or manual"),
        pytest.param(
            instant(APRIL_1.add(days=1).in_timezone("America/New_York")), id="instant in another zone"
        ),
        pytest.param({"partition_key": "2026-04-01", "partition_date": APRIL_1}, id="partition"),
        pytest.param(
            {"partition_key": "2026-04-01", "partition_date": None}, id="partition of an identity mapper"
        ),
        pytest.param(
            {"partition_key": "2026-04-01T00:00:00", "partition_date": None}, id="default key format"
        ),
        pytest.param({"partition_key": "2026-04-01T02:00:00+02:00"}, id="key with an offset"),
        pytest.param(
            {"partition_key": "EU", "partition_date": APRIL_1}, id="key that is no date, with its date"
        ),
        pytest.param(
            conf(interval=["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"]), id="conf of a manual run"
        ),
        pytest.param(
            conf(interval=("2026-04-01T09:00:00+09:00", "2026-04-02T00:00:00.000Z")), id="conf in other forms"
        ),
        pytest.param(
            {**conf(interval=["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"]), **LATER},
            id="conf before data interval",
        ),
        pytest.param(
            {
                **conf(interval=["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"]),
                "partition_key": "2026-05-01",
            },
            id="conf before partition",
        ),
        pytest.param({"partition_key": "2026-04-01", **LATER}, id="partition before data interval"),
    ],
)
def test_every_kind_of_run_means_the_same_day(keys):
    interval = interval_of(context(**keys), period=DAY)

    assert interval == EXPECTED
    assert type(interval.start) is datetime


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"),
        ("2026-04-01T02:00:00+02:00", "2026-04-02 00:00:00+00:00"),
        (APRIL_1, APRIL_1.add(days=1)),
        (datetime(2026, 4, 1, tzinfo=UTC), "2026-04-02T00:00:00Z"),
    ],
)
def test_the_operators_own_interval_wins_over_everything(start, end):
    keys = {
        **conf(interval=["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"]),
        "partition_key": "2021-01-01",
        **LATER,
    }

    assert interval_of(context(**keys), interval_start=start, interval_end=end, period=DAY) == EXPECTED


@pytest.mark.parametrize("empty", [None, ""])
def test_an_interval_template_that_renders_to_nothing_does_not_count(empty):
    assert interval_of(context(**TOKYO), interval_start=empty, interval_end=empty) == EXPECTED


def test_a_scheduled_run_with_a_real_interval_needs_no_period():
    assert interval_of(context(**TOKYO)) == EXPECTED


def test_a_real_interval_is_not_cut_to_the_period():
    month = {"data_interval_start": APRIL_1, "data_interval_end": APRIL_1.add(days=30)}

    assert interval_of(context(**month), period=DAY).length == 30 * DAY


def test_the_interval_of_a_trigger_timetable_may_end_at_any_hour():
    """``CronTriggerTimetable("0 3 * * *", interval=timedelta(days=1))``."""
    three = {"data_interval_start": APRIL_1.add(hours=3), "data_interval_end": APRIL_1.add(hours=27)}

    assert str(interval_of(context(**three))) == "2026-04-01T03:00:00Z..2026-04-02T03:00:00Z"


def test_a_local_day_with_a_clock_change_has_the_length_that_it_had():
    start = pendulum.datetime(2026, 3, 29, tz="Europe/Berlin")
    spring = interval_of(context(data_interval_start=start, data_interval_end=start.add(days=1)))
    start = pendulum.datetime(2026, 10, 25, tz="Europe/Berlin")
    autumn = interval_of(context(data_interval_start=start, data_interval_end=start.add(days=1)))

    assert (spring.length, autumn.length) == (timedelta(hours=23), timedelta(hours=25))


def test_pieces_of_an_airflow_interval_stay_in_utc():
    interval = interval_of({"data_interval_start": APRIL_1, "data_interval_end": APRIL_1.add(days=61)})

    assert [piece.start.utcoffset() for piece in interval.split(60 * DAY)] == [timedelta(0), timedelta(0)]


@pytest.mark.parametrize(
    ("keys", "advice"),
    [
        pytest.param(
            {},
            'trigger it with conf {"interval": [start, end]}, or pass interval_start',
            id="asset or null date",
        ),
        pytest.param(
            {"data_interval_start": None, "data_interval_end": None}, "no data interval", id="null interval"
        ),
        pytest.param(
            instant(APRIL_1),
            r'use schedule=CronDataIntervalTimetable("@daily", timezone="UTC"), or pass period',
            id="@daily",
        ),
        pytest.param(
            {"partition_key": "2026-04-01"},
            "names the partition 2026-04-01, which has a start but no length; pass period=",
            id="partition",
        ),
        pytest.param({"partition_date": APRIL_1}, "pass period=timedelta(days=1)", id="partition date"),
    ],
)
def test_a_run_that_does_not_say_its_interval_is_told_what_to_write(keys, advice):
    with pytest.raises(ConfigurationError) as caught:
        interval_of(context(**keys))
    assert advice in str(caught.value)


def test_without_any_context_the_refusal_is_the_same():
    with pytest.raises(ConfigurationError, match="This run has no data interval"):
        interval_of({})


def test_an_asset_triggered_run_is_refused_even_with_a_period():
    with pytest.raises(ConfigurationError, match="one that an asset started"):
        interval_of(context(), period=DAY)


@pytest.mark.parametrize("interval", ["2026-04-01", ["2026-04-01T00:00:00Z"], {}, "", 5, ["a", "b", "c"]])
def test_a_conf_that_is_not_two_moments_is_shown_how_to_be_written(interval):
    with pytest.raises(
        ConfigurationError, match=r'write \{"interval": \["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"\]\}'
    ):
        interval_of(context(**conf(interval=interval)), period=DAY)


@pytest.mark.parametrize("conf_value", [None, {}, {"other": 1}])
def test_a_conf_without_an_interval_is_not_looked_at(conf_value):
    assert interval_of(context(dag_run=SimpleNamespace(conf=conf_value), **TOKYO)) == EXPECTED


@pytest.mark.parametrize(
    "value",
    [
        "2026-04-01",
        "2026-04-01T00:00:00",
        "soon",
        "",
        "None",
        5,
        date(2026, 4, 1),
        datetime(2026, 4, 1),  # noqa: DTZ001
        pendulum.naive(2026, 4, 1),
        None,
    ],
)
def test_a_moment_without_a_zone_is_shown_how_to_be_written(value):
    with pytest.raises(
        ConfigurationError, match=r"is not a moment with a time zone; write it like 2026-04-01T00:00:00Z"
    ):
        interval_of(context(**conf(interval=[value, "2026-04-02T00:00:00Z"])))


def test_a_naive_data_interval_is_refused():
    naive = {"data_interval_start": datetime(2026, 4, 1), "data_interval_end": datetime(2026, 4, 2)}  # noqa: DTZ001

    with pytest.raises(
        ConfigurationError, match=r"The run's data interval: .* is not a moment with a time zone"
    ):
        interval_of(context(**naive))


@pytest.mark.parametrize("key", ["EU", "2026-04-01|EU", "2026-04-01_2026-04-30"])
def test_a_partition_key_that_is_no_moment_is_refused(key):
    with pytest.raises(ConfigurationError, match=r"The partition key: .* is not a moment"):
        interval_of(context(partition_key=key), period=DAY)


@pytest.mark.parametrize(
    ("given", "name"), [({"interval_start": APRIL_1}, "start"), ({"interval_end": APRIL_1}, "end")]
)
def test_half_an_interval_is_refused(given, name):
    with pytest.raises(ConfigurationError, match=f"Only interval_{name} is given; pass both"):
        interval_of(context(**TOKYO), **given)


@pytest.mark.parametrize("end", [APRIL_1, APRIL_1.subtract(days=1)])
def test_an_interval_needs_its_start_before_its_end(end):
    with pytest.raises(ConfigurationError, match="an interval needs a start that lies before its end"):
        interval_of(context(), interval_start=APRIL_1, interval_end=end)


@pytest.mark.parametrize("period", [timedelta(0), -DAY, 1, "1 day", "P1D"])
def test_a_period_must_be_a_positive_timedelta(period):
    with pytest.raises(ConfigurationError, match=r"is not a positive timedelta; pass timedelta\(days=1\)"):
        interval_of(context(**TOKYO), period=period)


def test_a_pendulum_duration_is_a_period_too():
    assert interval_of(context(**instant(APRIL_1.add(days=1))), period=pendulum.duration(days=1)) == EXPECTED


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"])
def test_a_moment_beyond_the_calendar_is_refused_like_any_other(start):
    with pytest.raises(ConfigurationError, match="is not a moment"):
        interval_of(context(), interval_start=start, interval_end="2026-04-02T00:00:00Z")


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(instant(APRIL_1), id="instant"),
        pytest.param({"partition_key": "2026-04-01"}, id="partition"),
    ],
)
def test_a_period_that_leaves_the_calendar_is_refused(keys):
    with pytest.raises(
        ConfigurationError, match=r"reaches beyond the years 1 to 9999; pass the length of one"
    ):
        interval_of(context(**keys), period=timedelta.max)


NOON = pendulum.datetime(2026, 4, 2, 12, 34, 56)


def by_hand(*, conf=None, run_type="manual", params=None, **keys):
    run = SimpleNamespace(conf=conf or {}, run_type=run_type, run_after=NOON)
    return {"dag_run": run, "params": {"last_whole": "day"} if params is None else params, **keys}


@pytest.mark.parametrize("empty", [{}, {"interval": None}, {"interval": []}])
def test_a_manual_run_that_names_nothing_means_the_last_whole_day_if_its_dag_offers_that(empty):
    assert interval_of(by_hand(conf=empty)) == EXPECTED


def test_the_last_whole_hour_may_be_meant_instead():
    hour = interval_of(by_hand(params={"last_whole": "hour"}))

    assert str(hour) == "2026-04-02T11:00:00Z..2026-04-02T12:00:00Z"


def test_a_day_that_has_just_ended_is_whole():
    run = by_hand()
    run["dag_run"].run_after = pendulum.datetime(2026, 4, 2)

    assert interval_of(run) == EXPECTED


@pytest.mark.parametrize("empty", [None, []])
def test_an_interval_that_the_form_left_empty_gives_way_to_the_data_interval(empty):
    assert interval_of(by_hand(conf={"interval": empty}, **LATER)).start == utc(APRIL_1.add(days=9))


@pytest.mark.parametrize(("interval", "named"), [(None, False), ([], False), (["a", "b"], True), ("", True)])
def test_a_form_that_was_left_empty_names_no_interval(interval, named):
    assert names_interval(by_hand(conf={"interval": interval})) is named


def test_an_interval_in_conf_comes_before_the_last_whole_day():
    named = {"interval": ["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"], "last_whole": "hour"}

    assert interval_of(by_hand(conf=named)) == EXPECTED


@pytest.mark.parametrize(
    "run",
    [
        by_hand(params={}),
        by_hand(run_type="asset_triggered"),
        by_hand(run_type="scheduled"),
        by_hand(run_type="backfill"),
    ],
)
def test_a_run_that_is_not_started_by_hand_or_whose_dag_has_no_param_is_refused_with_what_to_do(run):
    with pytest.raises(ConfigurationError, match=r"Data interval of the trigger form.*conf.*interval_start"):
        interval_of(run)


def test_an_unknown_last_whole_is_refused():
    with pytest.raises(ConfigurationError, match="last_whole is 'week'; it can be day or hour"):
        interval_of(by_hand(params={"last_whole": "week"}))


def test_lookback_means_the_time_before_the_interval():
    week = interval_of(by_hand(), lookback=7 * DAY)

    assert str(week) == "2026-03-25T00:00:00Z..2026-04-01T00:00:00Z"


@pytest.mark.parametrize("lookback", [timedelta(0), -DAY, 7])
def test_a_lookback_that_is_no_length_is_refused(lookback):
    with pytest.raises(ConfigurationError, match=r"lookback=.* is not a positive timedelta"):
        interval_of(by_hand(), lookback=lookback)


def test_a_lookback_beyond_the_calendar_is_refused():
    with pytest.raises(ConfigurationError, match=r"lookback=.* reaches beyond the years 1 to 9999"):
        interval_of(by_hand(), lookback=3000 * 365 * DAY)
