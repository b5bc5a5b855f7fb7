"""What a test of a connection says when the network refuses: one try, one sentence, within seconds."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
import requests
import urllib3

from airflow_provider_convexport.hooks import network_problems
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from airflow_provider_convexport.hooks.network_problems import sentence_of
from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from tests.support.connections import KEY
from tests.support.ports import free_port
from tests.support.tiny_server import Answer

NO_SECRETS = (KEY, "proxy-password")


@contextmanager
def listener(serve):
    """A server that lets ``serve`` answer each connection; yields its port and counts the connections."""
    sock = socket.create_server(("127.0.0.1", 0))
    accepted = []

    def accept():
        while True:
            try:
                peer, _ = sock.accept()
            except OSError:
                return
            accepted.append(peer)
            serve(peer)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield sock.getsockname()[1], accepted
    finally:
        sock.shutdown(socket.SHUT_RDWR)
        sock.close()
        thread.join()
        for peer in accepted:
            peer.close()


def answers(data):
    def serve(peer):
        peer.recv(65_536)
        peer.sendall(data)
        peer.close()

    return serve


def refusal_of(connect, host, **changes):
    """Test Ada's connection; it must fail, soon, and without showing anything secret."""
    connect("ada", host, **changes)
    begin = time.monotonic()
    worked, sentence = hook_of("ada")().test_connection()
    assert not worked
    assert time.monotonic() - begin < 15
    assert "\n" not in sentence
    assert not any(secret in sentence for secret in NO_SECRETS)
    return sentence


def test_a_name_that_does_not_resolve(connect):
    sentence = refusal_of(connect, "https://acme.invalid")

    assert sentence.startswith("The name acme.invalid does not resolve to an address;")


def test_a_name_that_cannot_be_one(connect):
    sentence = refusal_of(connect, f"https://{'a' * 70}.example")

    assert sentence == (
        "The connection ada_default has an unusable host; write it as https://name.example.com alone."
    )


def test_a_port_on_which_nothing_listens(connect):
    url = f"http://127.0.0.1:{free_port()}"

    assert refusal_of(connect, url).startswith(f"{url} refused the connection: nothing listens on that port;")


def test_a_server_that_never_answers(connect):
    with listener(lambda peer: None) as (port, accepted):
        sentence = refusal_of(connect, f"http://127.0.0.1:{port}", extra={"timeout": 0.5})

    assert "accepted the connection and sent no answer in time;" in sentence
    assert len(accepted) == 1


def test_a_host_that_swallows_packets(connect, monkeypatch):
    def connect_timeout(*_, **__):
        raise TimeoutError("timed out")

    monkeypatch.setattr(urllib3.util.connection, "create_connection", connect_timeout)

    assert "https://10.0.0.1 could not be reached in time;" in refusal_of(connect, "https://10.0.0.1")


def test_a_port_that_does_not_speak_tls(connect):
    with listener(answers(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as (port, accepted):
        sentence = refusal_of(connect, f"https://127.0.0.1:{port}")

    assert "does not speak TLS as https needs it" in sentence
    assert len(accepted) == 1


def test_a_port_that_does_not_speak_http(connect):
    with listener(answers(b"SSH-2.0-OpenSSH_9.2\r\n")) as (port, accepted):
        sentence = refusal_of(connect, f"http://127.0.0.1:{port}")

    assert f"http://127.0.0.1:{port} does not speak HTTP;" in sentence
    assert len(accepted) == 1


def test_a_server_that_hangs_up(connect):
    with listener(answers(b"")) as (port, accepted):
        sentence = refusal_of(connect, f"http://127.0.0.1:{port}")

    assert "closed the connection without an answer;" in sentence
    assert len(accepted) == 1


def test_a_proxy_that_is_not_there_is_told_without_its_password(connect):
    proxy = f"http://user:proxy-password@127.0.0.1:{free_port()}"

    sentence = refusal_of(connect, "https://acme.example", extra={"proxies": {"https": proxy}})

    assert sentence.startswith("The proxy on the way to https://acme.example could not be used;")


@pytest.mark.parametrize("status", [429, 502])
def test_an_outage_is_told_after_one_request(connect, server, status):
    server.fallback = lambda asked: Answer(status)

    sentence = refusal_of(connect, server.url)

    assert f"Ada /api/v2/export/conversations gave no usable answer (status {status});" in sentence
    assert len(server.asked) == 1


def test_a_certificate_that_is_not_trusted():
    verification = ssl.SSLCertVerificationError(1, "certificate verify failed")
    verification.verify_message = "certificate has expired"
    error = requests.exceptions.SSLError(urllib3.exceptions.SSLError(verification))

    assert sentence_of(error, base_url="https://acme.example").startswith(
        "The TLS certificate of https://acme.example is not trusted (certificate has expired);"
    )


def test_any_other_error_names_its_type_and_nothing_else():
    assert sentence_of(
        requests.exceptions.ContentDecodingError("top secret"), base_url="https://a.example"
    ) == (
        "https://a.example could not be reached (ContentDecodingError); check the connection's host and the "
        "network of this machine."
    )


@pytest.mark.parametrize("vendor", vendors())
def test_a_connection_of_another_vendor_is_refused_before_any_request(connect, answer_empty, vendor):
    other = next(each for each in vendors() if each != vendor)
    connect(vendor, answer_empty.url, conn_type=other)
    hook = hook_of(vendor)()

    worked, sentence = hook.test_connection()

    assert not worked
    assert sentence == (
        f"The connection {vendor}_default has the type {other!r}, but {hook.title} needs {vendor!r}; "
        "name another connection, or correct its type."
    )
    assert answer_empty.asked == []


@pytest.mark.parametrize("kind", ["http", "generic", None])
def test_a_connection_of_a_general_type_is_used(connect, answer_empty, kind):
    connect("ada", answer_empty.url, conn_type=kind)

    hook_of("ada")().test_connection()

    assert answer_empty.asked


def test_a_refused_shop_is_named(connect, refuse):
    connect("applied_labs", refuse.url, extra={"shop_id": "no-such-shop"})

    _, sentence = AppliedLabsHook().test_connection()

    assert sentence.endswith("The shop_id is 'no-such-shop'.")


def test_a_test_waits_no_longer_than_the_connection_asks():
    assert network_problems.timeouts_of_test(3.0) == (5.0, 3.0)
    assert network_problems.timeouts_of_test(120.0) == (5.0, 20.0)
