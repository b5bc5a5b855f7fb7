from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.export.fetch.request import PageRequest

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PARAMETERS = st.dictionaries(TEXTS, TEXTS)
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])
QUERY = PageRequest("/export?a=1&b=x+y&c=")
BODY = PageRequest("/export", '{"a":"1","b":"x y","c":""}')


def pairs_of(request):
    """Return a request's parameters in the order in which they are sent."""
    if request.body is not None:
        return list(json.loads(request.body).items())
    return parse_qsl(urlsplit(request.url).query, keep_blank_values=True)


def test_a_get_carries_its_parameters_in_the_query():
    request = PageRequest.of("/export", {"a": "1", "b": "x y", "c": ""})

    assert (request, request.method) == (QUERY, "GET")


def test_a_post_carries_its_parameters_in_a_json_body():
    request = PageRequest.of("/export", {"a": "1", "b": "x y", "c": ""}, method="POST")

    assert (request, request.method) == (BODY, "POST")


def test_a_post_without_parameters_is_still_a_post():
    assert PageRequest.of("/export", {}, method="POST") == PageRequest("/export", "{}")
    assert PageRequest.of("/export", {}, method="POST").method == "POST"


@pytest.mark.parametrize("request_", [QUERY, BODY], ids=["GET", "POST"])
@pytest.mark.parametrize(("name", "value"), [("a", "1"), ("b", "x y"), ("c", ""), ("d", None)])
def test_a_parameter_is_found_by_its_name(request_, name, value):
    assert request_.parameter(name) == value


def test_of_a_repeated_parameter_the_first_value_is_returned():
    assert PageRequest("/export?a=1&a=2").parameter("a") == "1"


def test_a_number_in_a_body_is_returned_as_text():
    assert PageRequest("/export", '{"page":7,"none":null}').parameter("page") == "7"
    assert PageRequest("/export", '{"page":7,"none":null}').parameter("none") is None


def test_parameters_of_a_posts_url_are_not_those_of_its_body():
    request = PageRequest("/export?key=a", '{"page":"7"}')

    assert request.parameter("key") is None
    assert request.replace("page", "8") == PageRequest("/export?key=a", '{"page":"8"}')


def test_a_parameter_is_set_behind_all_others_of_a_query():
    assert QUERY.replace("a", "2") == PageRequest("/export?b=x+y&c=&a=2")
    assert QUERY.replace("d", "4") == PageRequest("/export?a=1&b=x+y&c=&d=4")


def test_a_parameter_is_set_in_its_place_in_a_body():
    assert BODY.replace("a", "2") == PageRequest("/export", '{"a":"2","b":"x y","c":""}')
    assert BODY.replace("d", "4") == PageRequest("/export", '{"a":"1","b":"x y","c":"","d":"4"}')


def test_values_of_a_body_that_are_not_texts_are_repeated_as_they_are():
    request = PageRequest("/export", '{"ids":[1,2],"size":10,"deep":{"a":null},"flag":true}')

    assert request.replace("cursor", "x") == PageRequest(
        "/export", '{"ids":[1,2],"size":10,"deep":{"a":null},"flag":true,"cursor":"x"}'
    )


def test_a_url_without_a_query_gets_one():
    assert PageRequest("https://acme.example/export").replace("page", "2") == PageRequest(
        "https://acme.example/export?page=2"
    )


def test_repeated_and_blank_parameters_of_a_link_are_repeated_unchanged():
    request = PageRequest("/export?id=1&blank&id=2&x=%2Fa%26b").replace("cursor", "c=")

    assert pairs_of(request) == [("id", "1"), ("blank", ""), ("id", "2"), ("x", "/a&b"), ("cursor", "c=")]


@METHODS
@given(params=PARAMETERS, name=TEXTS, value=TEXTS)
def test_setting_a_parameter_changes_no_other(method, params, name, value):
    request = PageRequest.of("/export", params, method=method)

    changed = request.replace(name, value)

    assert changed.parameter(name) == value
    assert [pair for pair in pairs_of(changed) if pair[0] != name] == [
        pair for pair in params.items() if pair[0] != name
    ]
    assert changed.method == request.method
    assert urlsplit(changed.url).path == "/export"


def test_another_url_keeps_the_body():
    assert BODY.at("https://acme.example/more") == PageRequest("https://acme.example/more", BODY.body)
    assert QUERY.at("/more") == PageRequest("/more")


@pytest.mark.parametrize("body", [None, '{"a":"1"}'])
@pytest.mark.parametrize(
    ("url", "relative"),
    [
        ("https://acme.example/export?a=1", "/export?a=1"),
        ("/export?a=1", "/export?a=1"),
        ("https://other.example/export", "https://other.example/export"),
    ],
)
def test_a_request_is_kept_without_its_host(url, relative, body):
    assert PageRequest(url, body).relative_to("https://acme.example") == PageRequest(relative, body)


def test_requests_are_equal_if_url_and_body_are():
    assert PageRequest("/export", "{}") == PageRequest("/export", "{}")
    assert hash(PageRequest("/export", "{}")) == hash(PageRequest("/export", "{}"))
    different = [PageRequest("/export"), PageRequest("/export", "{}"), PageRequest("/more"), BODY]
    assert len(set(different)) == len(set(map(hash, different))) == 4


def test_a_request_cannot_be_changed():
    with pytest.raises(AttributeError):
        QUERY.url = "/other"


@METHODS
@given(params=PARAMETERS)
def test_a_request_survives_json(method, params):
    request = PageRequest.of("/export", params, method=method)

    assert msgspec.json.decode(msgspec.json.encode(request), type=PageRequest) == request
