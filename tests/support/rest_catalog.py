"""A small server of the Iceberg REST protocol for tests, in front of a SQL catalog.

It is enough of the protocol for ``load_catalog(type="rest")`` of pyiceberg: configuration, namespaces, and
creating, loading and committing tables. It is no product and no reference: it checks requirements with
pyiceberg's own code, knows no users, and hands out no credentials. What it adds is that it can lose the
answer to a commit, before or after the commit.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import CreateTableRequest
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.table import CommitTableRequest, Table

_STATUS: dict[type[Exception], int] = {
    CommitFailedException: 409,
    NamespaceAlreadyExistsError: 409,
    TableAlreadyExistsError: 409,
    NoSuchNamespaceError: 404,
    NoSuchTableError: 404,
}


class RestCatalogServer:
    """The server; ``script`` says what happens to the next commits, afterwards all of them are answered.

    ``"cut before"`` closes the connection instead of committing, ``"cut after"`` after it has committed,
    ``500``, ``503`` or ``403`` answer with that status without a commit, ``"500 after"`` after it.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.script: list[str | int] = []
        self.commits = 0
        self.url = ""
        self._lock = threading.Lock()

    def answer(self, method: str, parts: list[str], body: bytes) -> tuple[int, Any]:  # noqa: PLR0911
        """Return status and content for a request to ``/v1/...``."""
        match method, parts:
            case "GET", ["config"]:
                return 200, {"defaults": {}, "overrides": {}}
            case "POST", ["namespaces"]:
                namespace = tuple(json.loads(body)["namespace"])
                self.catalog.create_namespace(namespace)
                return 200, {"namespace": namespace, "properties": {}}
            case (("GET" | "HEAD"), ["namespaces", namespace]):
                return 200, {"namespace": [namespace], "properties": self.properties(namespace)}
            case "POST", ["namespaces", namespace, "tables"]:
                return 200, self.create(namespace, body)
            case (("GET" | "HEAD"), ["namespaces", namespace, "tables", table]):
                return 200, _described(self.catalog.load_table((namespace, table)))
            case "POST", ["namespaces", namespace, "tables", table]:
                return self.commit((namespace, table), body)
        return 404, _error(404, "there is nothing here")

    def properties(self, namespace: str) -> dict[str, str]:
        return dict(self.catalog.load_namespace_properties(namespace))

    def create(self, namespace: str, body: bytes) -> Any:
        # Without the default, the model does not read what its own writer leaves out.
        request = CreateTableRequest.model_validate({"location": None, **json.loads(body)})
        table = self.catalog.create_table(
            (namespace, request.name),
            schema=request.table_schema,
            partition_spec=request.partition_spec or UNPARTITIONED_PARTITION_SPEC,
            properties=request.properties,
        )
        return _described(table)

    def commit(self, identifier: tuple[str, str], body: bytes) -> tuple[int, Any]:
        kind = self.script.pop(0) if self.script else ""
        if kind == "cut before":
            raise ConnectionAbortedError
        if isinstance(kind, int):
            return kind, _error(kind, "as the test wants it")
        request = CommitTableRequest.model_validate_json(body)
        table = self.catalog.load_table(identifier)
        response = self.catalog.commit_table(table, request.requirements, request.updates)
        with self._lock:
            self.commits += 1
        if kind == "cut after":
            raise ConnectionAbortedError
        if kind == "500 after":
            return 500, _error(500, "as the test wants it")
        return 200, json.loads(response.model_dump_json(by_alias=True))


def _described(table: Table) -> Any:
    return {
        "metadata-location": table.metadata_location,
        "metadata": json.loads(table.metadata.model_dump_json(by_alias=True)),
        "config": {},
    }


def _error(status: int, message: str) -> Any:
    return {"error": {"message": message, "type": "TestError", "code": status}}


def _handler(server: RestCatalogServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.handle_any()

        do_POST = do_HEAD = do_GET  # noqa: N815

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = self.path.partition("?")[0].strip("/").split("/")[1:]
            try:
                status, content = server.answer(self.command, parts, body)
            except ConnectionAbortedError:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            except tuple(_STATUS) as error:
                status = _STATUS[type(error)]
                content = _error(status, str(error))
            text = b"" if self.command == "HEAD" else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def rest_catalog_server(catalog: Catalog) -> Iterator[RestCatalogServer]:
    """Run the server in threads of this process."""
    server = RestCatalogServer(catalog)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
