from __future__ import annotations

import json
from dataclasses import replace

import duckdb
import pyarrow
import pytest
from pyarrow import parquet

from airflow_provider_convexport.cli.__main__ import main
from airflow_provider_convexport.cli.definitions import COMMANDS
from airflow_provider_convexport.cli.engines import FORMATS, text_for
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, FileEntry, Span
from airflow_provider_convexport.export.dataset.reader import partitions_in, read_partitions
from tests.support.exports import export
from tests.support.manifests import manifest_of
from tests.support.published import manifests
from tests.support.runs import Piece, at, day
from tests.support.samples import DAY, record
from tests.support.stores import local_store
from tests.support.streams import MIDNIGHT, STREAMS

START = MIDNIGHT - 20 * DAY
SURROGATE = rb'{"id": "a", "text": "cut in half: \ud83d", "n": 123456789012345678901234567890.10}'


def printed(capsys, *arguments):
    capsys.readouterr()
    main(["files", *map(str, arguments)])
    return capsys.readouterr().out


def entry(name, size=10):
    return FileEntry(name, 2, size, 20, "ab" * 32)


def put(store, folder, number, *files, **changes):
    """Publish a day of April 2026 that consists of a manifest."""
    facts = {
        "partition": Span.of(day(number)),
        "filters": {},
        "files": list(files),
        "records": 2 * len(files),
    }
    content = manifest_of(**facts | changes).encode()
    store.put(f"{folder}/{MANIFEST}", content)


@pytest.fixture
def bucket(memory):
    """Two days of the shop "x/y" and one of another one in S3."""
    store = replace(memory, url="s3://conn@bucket/o'brien/set")
    put(store, "shop=x%2Fy/dt=2026-04-01", 1, entry("part-1.jsonl.gz"), scope={"shop": "x/y"})
    put(store, "shop=x%2Fy/dt=2026-04-02", 2, scope={"shop": "x/y"})
    put(
        store,
        "shop=z/dt=2026-04-02",
        2,
        entry("part-2.jsonl"),
        entry("part-3.jsonl", 30),
        scope={"shop": "z"},
    )
    return store


def text_of(store, engine):
    return text_for(engine, list(partitions_in(store)))


HEAD = "s3://bucket/o'brien/set: acme conversations by created; 3 partitions with 6 records."


def test_every_format_of_the_command_has_a_function():
    (command,) = [each for each in COMMANDS if each.name == "files"]
    (argument,) = [each for each in command.args if each.flags == ("--format",)]

    assert set(argument.kwargs["choices"]) == set(FORMATS)


def test_urls_are_one_per_line_without_a_connection(bucket):
    assert text_of(bucket, "urls").splitlines() == [
        "s3://bucket/o'brien/set/shop=x%2Fy/dt=2026-04-01/part-1.jsonl.gz",
        "s3://bucket/o'brien/set/shop=z/dt=2026-04-02/part-2.jsonl",
        "s3://bucket/o'brien/set/shop=z/dt=2026-04-02/part-3.jsonl",
    ]


def test_uris_are_an_array_with_the_usual_scheme(bucket):
    store = replace(bucket, url="gcs://conn@bucket/set")

    assert json.loads(text_of(store, "uris")) == [
        "gs://bucket/set/shop=x%2Fy/dt=2026-04-01/part-1.jsonl.gz",
        "gs://bucket/set/shop=z/dt=2026-04-02/part-2.jsonl",
        "gs://bucket/set/shop=z/dt=2026-04-02/part-3.jsonl",
    ]


def test_redshift_gets_a_manifest_with_the_sizes_of_the_files(bucket):
    store = replace(bucket, url="s3a://conn@bucket/set")

    assert json.loads(text_of(store, "redshift")) == {
        "entries": [
            {"url": f"s3://bucket/set/{name}", "mandatory": True, "meta": {"content_length": size}}
            for name, size in (
                ("shop=x%2Fy/dt=2026-04-01/part-1.jsonl.gz", 10),
                ("shop=z/dt=2026-04-02/part-2.jsonl", 10),
                ("shop=z/dt=2026-04-02/part-3.jsonl", 30),
            )
        ]
    }


@pytest.mark.parametrize("engine", ["redshift", "snowflake"])
def test_an_engine_that_cannot_reach_a_local_disk_is_refused(tmp_path, engine):
    Piece(local_store(tmp_path), day(1), ("a", at(1)))

    with pytest.raises(ConfigurationError, match="is not there; copy the files"):
        text_of(local_store(tmp_path), engine)


def test_duckdb_gets_text_without_any_conversion(bucket):
    assert text_of(bucket, "duckdb") == (
        f"-- {HEAD}\n"
        "SELECT record FROM read_csv([\n"
        "  's3://bucket/o''brien/set/shop=x%2Fy/dt=2026-04-01/part-1.jsonl.gz',\n"
        "  's3://bucket/o''brien/set/shop=z/dt=2026-04-02/part-2.jsonl',\n"
        "  's3://bucket/o''brien/set/shop=z/dt=2026-04-02/part-3.jsonl'\n"
        "], columns = {'record': 'VARCHAR'}, auto_detect = false, header = false, delim = chr(1), "
        "quote = '',\n  escape = '', new_line = '\\n', max_line_size = 33554432, buffer_size = 67108864, "
        "hive_partitioning = false);"
    )


def test_duckdb_reads_azure_by_the_scheme_that_it_knows(bucket):
    assert "'azure://box/set/shop=z/dt=" in text_of(replace(bucket, url="abfs://conn@box/set"), "duckdb")


def test_spark_gets_lines_of_s3a_without_wildcards(bucket):
    store = replace(bucket, url="s3://conn@bucket/{a,b}*")

    assert text_of(store, "spark").splitlines() == [
        "# s3://bucket/{a,b}*: acme conversations by created; 3 partitions with 6 records.",
        r'spark.read.option("lineSep", "\n").text([',
        r'  "s3a://bucket/\\{a,b\\}\\*/shop=x%2Fy/dt=2026-04-01/part-1.jsonl.gz",',
        r'  "s3a://bucket/\\{a,b\\}\\*/shop=z/dt=2026-04-02/part-2.jsonl",',
        r'  "s3a://bucket/\\{a,b\\}\\*/shop=z/dt=2026-04-02/part-3.jsonl"',
        "])",
    ]


def test_snowflake_gets_names_below_a_stage(bucket):
    assert text_of(bucket, "snowflake") == (
        f"-- {HEAD}\n"
        "-- Needs a stage convexport with URL = 's3://bucket/o''brien/set/', and a table raw_records with "
        "one column of type VARIANT.\n"
        "COPY INTO raw_records FROM @convexport FILES = (\n"
        "  'shop=x%2Fy/dt=2026-04-01/part-1.jsonl.gz',\n"
        "  'shop=z/dt=2026-04-02/part-2.jsonl',\n"
        "  'shop=z/dt=2026-04-02/part-3.jsonl'\n"
        ") FILE_FORMAT = (TYPE = JSON ALLOW_DUPLICATE = TRUE);"
    )


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("gs://conn@bucket/set", "gcs://bucket/set/"),
        ("abfs://conn@box/set", "azure://<account>.blob.core.windows.net/box/set/"),
    ],
)
def test_snowflake_is_told_the_stage_of_every_cloud(bucket, url, place):
    assert f"with URL = '{place}'" in text_of(replace(bucket, url=url), "snowflake")


def test_snowflake_gets_no_more_than_a_thousand_files_at_once(memory):
    store = replace(memory, url="s3://bucket/set")
    put(store, "dt=2026-04-01", 1, *(entry(f"part-{number}.jsonl") for number in range(2_001)), scope={})

    pieces = text_of(store, "snowflake").split("COPY INTO")[1:]

    assert [piece.count("'dt=2026-04-01/part-") for piece in pieces] == [1_000, 1_000, 1]


def test_programs_get_partitions_with_their_files(bucket):
    first, empty, other = json.loads(text_of(bucket, "json"))

    assert first == {
        "url": "s3://bucket/o'brien/set/shop=x%2Fy/dt=2026-04-01",
        "start": "2026-04-01T00:00:00Z",
        "end": "2026-04-02T00:00:00Z",
        "vendor": "acme",
        "stream": "conversations",
        "scope": {"shop": "x/y"},
        "filters": {},
        "window_on": "created",
        "commit": "0123456789abcdef",
        "committed_at": "2026-04-02T03:00:00Z",
        "records": 2,
        "files": [
            {
                "url": "s3://bucket/o'brien/set/shop=x%2Fy/dt=2026-04-01/part-1.jsonl.gz",
                "records": 2,
                "bytes": 10,
                "sha256": "ab" * 32,
            }
        ],
    }
    assert (empty["records"], empty["files"]) == (0, [])
    assert len(other["files"]) == 2


def test_datasets_are_read_by_statements_of_their_own(memory):
    store = replace(memory, url="s3://bucket/raw")
    put(store, "b/dt=2026-04-01", 1, entry("part-1.jsonl"), scope={})
    put(store, "a/shop=z/dt=2026-04-01", 1, entry("part-2.parquet"), scope={"shop": "z"}, filters={"f": "1"})
    put(store, "c/dt=2026-04-01", 1, scope={})

    text = text_of(store, "duckdb").split("\n\n")

    assert text[0].startswith(
        "-- s3://bucket/raw/a: acme conversations by created, f=1; 1 partition with 2 table rows.\n"
        "SELECT * FROM read_parquet([\n  's3://bucket/raw/a/shop=z/dt=2026-04-01/part-2.parquet'\n], "
    )
    assert text[1].startswith("-- s3://bucket/raw/b: ")
    assert text[2] == (
        "-- s3://bucket/raw/c: acme conversations by created; 1 partition with 0 records.\n"
        "-- There is no file to read."
    )
    assert '.parquet(*[\n  "s3a://bucket/raw/a/' in text_of(store, "spark")
    assert "# There is no file to read." in text_of(store, "spark")
    assert "(TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE;" in text_of(store, "snowflake")
    assert "-- There is no file to load." in text_of(store, "snowflake")


def test_line_breaks_in_a_name_do_not_end_a_comment(tmp_path):
    store = local_store(tmp_path / "a\n; DROP TABLE x; --")
    Piece(store, day(1), ("a", at(1)))

    text = text_of(store, "duckdb")

    assert text.splitlines()[0].startswith("-- file://")
    assert duckdb.sql(text).fetchall() == [(record("a", at(1)).decode(),)]


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_duckdb_reads_every_record_of_every_stream_as_it_was_sent(
    simulator, long_memory, tmp_path, capsys, case, compression
):
    simulator.update(records=20_000)
    root = tmp_path / "it's [a] *set*"
    export(case, root, START, START + 3 * DAY, compression=compression)

    statement = printed(capsys, "--destination", root, "--format", "duckdb")
    records = [text for (text,) in duckdb.sql(statement).fetchall()]

    assert len(records) == sum(each["records"] for each in manifests(root).values())
    assert len(records) > 100
    assert statement.count(".jsonl") == 3
    expected = [line for partition in read_partitions(str(root)) for line in partition.lines()]
    assert sorted(records) == sorted(line.decode() for line in expected)
    ((readable,),) = duckdb.sql(statement).aggregate("count(try_cast(record AS JSON))").fetchall()
    assert readable == len(records)


def test_duckdb_reads_a_record_that_its_own_json_reader_refuses(local):
    Piece(local, day(1), ("a", at(1)), compression="none")
    (partition,) = partitions_in(local)
    local.put(f"{partition.folder}/{partition.manifest.files[0].name}", SURROGATE + b"\n")

    text = text_for("duckdb", [partition])

    assert duckdb.sql(text).fetchall() == [(SURROGATE.decode(),)]
    with pytest.raises(duckdb.InvalidInputException, match="no low surrogate"):
        duckdb.read_json(partition.urls[0].removeprefix("file://"), format="newline_delimited").fetchall()


def test_duckdb_reads_a_record_of_twenty_megabytes(local):
    Piece(local, day(1), ("x" * 20_000_000, at(1)))

    ((found,),) = duckdb.sql(text_of(local, "duckdb")).fetchall()

    assert len(found) > 20_000_000


def test_duckdb_reads_the_rows_of_a_table_whose_columns_have_grown(local):
    for number, columns in ((1, {"a": [1, 2]}), (2, {"a": [3], "b": ["new"]})):
        folder = f"shop=1/dt=2026-04-{number:02d}"
        put(local, folder, number, entry("part-1.parquet"), scope={"shop": "1"})
        parquet.write_table(pyarrow.table(columns), f"{local.root}/{folder}/part-1.parquet")

    found = duckdb.sql(text_of(local, "duckdb"))

    assert found.columns == ["a", "b"]
    assert sorted(found.fetchall()) == [(1, None), (2, None), (3, "new")]


def test_a_range_and_a_bot_select_partitions(tmp_path, capsys):
    store = local_store(tmp_path)
    for bot in ("one", "two"):
        Piece(store, day(1, 3), *((f"{bot}{n}", at(n)) for n in (1, 2, 3)), scope={"bot": bot})

    text = printed(
        capsys, "--destination", tmp_path, "--from", "2026-04-02", "--to", "2026-04-03", "--scope", "bot=one"
    )

    (url,) = text.splitlines()
    assert url.startswith(f"file://{tmp_path}/bot=one/dt=2026-04-02/part-")


def test_partitions_without_records_make_an_empty_list(tmp_path, capsys):
    Piece(local_store(tmp_path), day(1))

    assert printed(capsys, "--destination", tmp_path) == ""
    assert json.loads(printed(capsys, "--destination", tmp_path, "--format", "uris")) == []
    assert "There is no file to read." in printed(capsys, "--destination", tmp_path, "--format", "duckdb")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "Nothing is published under file://{}/none."),
        (["--from", "2026-04-02"], "Nothing is published under file://{}/none that was asked for."),
        (["--from", "soon"], "start: 'soon' is not a moment; write a day"),
        (["--from", "2026-04-02", "--to", "2026-04-01"], "The range is empty"),
        (["--scope", "bot"], "--scope bot is not NAME=VALUE"),
    ],
)
def test_what_cannot_be_printed_is_told_in_one_sentence(tmp_path, capsys, options, sentence):
    with pytest.raises(SystemExit) as ended:
        printed(capsys, "--destination", tmp_path / "none", *options)

    assert str(ended.value).startswith(sentence.format(tmp_path))
    assert capsys.readouterr().out == ""
