from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

import pendulum
import pytest

from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError, VendorRejectedError
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from tests.support.tiny_server import Answer, as_json
from tests.support.vendors import SHOP

APRIL_1 = pendulum.datetime(2026, 4, 1)
EXPORT, LIST = "/v2026-04/conversations/export/", "/v2026-04/conversations/"
RANGE = "2026-04-01T00:00:00Z,2026-04-02T00:00:00Z"


@pytest.fixture
def labs(connect, server):
    connect("applied_labs", server.url)
    server.fallback = lambda asked: as_json({"next": None, "previous": None, "results": []})
    return server


def params(target):
    return dict(parse_qsl(urlsplit(target).query))


@pytest.mark.parametrize("window_on", ["created_at", "last_message_at"])
def test_exactly_one_range_is_sent_a_second_beyond_the_interval(labs, window_on):
    list(AppliedLabsHook().export_conversations(APRIL_1, APRIL_1.add(days=1), window_on=window_on))

    assert urlsplit(labs.targets[0]).path == EXPORT
    assert params(labs.targets[0]) == {
        f"{window_on}__range": "2026-03-31T23:59:59Z,2026-04-02T00:00:01Z",
        "limit": "100",
    }


def test_the_shop_travels_in_its_header(labs):
    list(AppliedLabsHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))

    assert labs.asked[0].headers["X-Shop-Id"] == SHOP


def test_a_long_interval_is_cut_below_thirty_days(labs):
    list(AppliedLabsHook().export_conversations(APRIL_1, APRIL_1.add(days=60)))

    spans = [
        tuple(map(datetime.fromisoformat, params(target)["created_at__range"].split(",")))
        for target in labs.targets
    ]
    assert len(spans) == 3
    assert all(end - start <= timedelta(days=30) for start, end in spans)
    assert all(left[1] >= right[0] for left, right in pairwise(spans))
    assert spans[-1][1] >= datetime(2026, 5, 31, tzinfo=UTC)


def test_a_next_link_is_followed_unchanged(labs):
    labs.script = [as_json({"results": [], "next": f"{labs.url}{EXPORT}?cursor=cD0y%2Bx%3D"})]

    list(AppliedLabsHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))

    assert labs.targets[1] == f"{EXPORT}?cursor=cD0y%2Bx%3D"


def test_filters_are_sent_and_lists_are_joined(labs):
    list(
        AppliedLabsHook().export_conversations(
            APRIL_1, APRIL_1.add(days=1), contact_id__in=["a", "b"], resolution="hard", agent_id=None
        )
    )

    sent = params(labs.targets[0])
    assert (sent["contact_id__in"], sent["resolution"]) == ("a,b", "hard")
    assert "agent_id" not in sent


@pytest.mark.parametrize("name", ["is_test", "cursor", "limit", "created_at__range", "updated_at"])
def test_a_filter_that_the_vendor_does_not_have_is_refused(labs, name):
    with pytest.raises(
        ConfigurationError,
        match=rf"filters \['{name}'\] do not exist for Applied Labs conversations; allowed",
    ):
        AppliedLabsHook().export_conversations(APRIL_1, APRIL_1.add(days=1), **{name: "x"})


@pytest.mark.parametrize("method", ["export", "list"])
def test_a_list_that_is_too_long_is_refused(labs, method):
    ids = [str(number) for number in range(51)]
    hook = AppliedLabsHook()

    with pytest.raises(ConfigurationError, match="id__in lists more than 50 values; split the export"):
        hook.export_conversations(
            APRIL_1, APRIL_1.add(days=1), id__in=ids
        ) if method == "export" else hook.list_conversations(id__in=ids)
    hook.list_conversations(id__in=ids[:50])


@pytest.mark.parametrize("shop_id", ["", None])
def test_without_a_shop_nothing_is_asked(connect, labs, shop_id):
    connect("applied_labs", labs.url, extra={"shop_id": shop_id})

    with pytest.raises(
        ConfigurationError,
        match="No shop is named; set the extra shop_id of the connection applied_labs_default",
    ):
        AppliedLabsHook().export_conversations(APRIL_1, APRIL_1.add(days=1))
    assert labs.asked == []


@pytest.mark.parametrize("shop_id", ["my shop", f"{SHOP}\r\nX-Evil: 1", "Zürich"])
def test_a_shop_that_no_header_can_hold_is_refused(labs, shop_id):
    with pytest.raises(ConfigurationError, match="is not the UUID of a shop; copy it from the Applied dash"):
        AppliedLabsHook(shop_id=shop_id).scope()


def test_white_space_around_a_shop_is_left_out(labs):
    assert AppliedLabsHook(shop_id=f" {SHOP} ").scope() == {"shop_id": SHOP}


def test_each_shop_has_its_own_budget(labs):
    one, two = AppliedLabsHook(), AppliedLabsHook(shop_id=SHOP.replace("1", "2"))

    assert one.account(one.settings) != two.account(two.settings)


class TestList:
    def test_conversations_come_lazily_each_once(self, labs):
        labs.script = [
            as_json({"results": [{"id": "a"}, {"id": "b"}], "next": f"{labs.url}{LIST}?cursor=2"}),
            as_json({"results": [{"id": "b"}, {"id": "c"}], "next": ""}),
        ]

        found = AppliedLabsHook().list_conversations()

        assert labs.asked == []
        assert [one["id"] for one in found] == ["a", "b", "c"]
        assert labs.targets == [f"{LIST}?limit=100", f"{LIST}?cursor=2"]

    @pytest.mark.parametrize(
        "span",
        [
            RANGE,
            ("2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"),
            [APRIL_1, APRIL_1.add(days=1)],
            (APRIL_1.in_timezone("Asia/Tokyo"), APRIL_1.add(days=1)),
        ],
    )
    def test_a_range_is_a_pair_of_moments(self, labs, span):
        list(AppliedLabsHook().list_conversations(created_at__range=span))

        assert params(labs.targets[0])["created_at__range"] == RANGE

    def test_a_range_over_thirty_days_is_refused(self, labs):
        with pytest.raises(ConfigurationError, match="longer than the 30 days that Applied Labs accepts"):
            AppliedLabsHook().list_conversations(created_at__range=(APRIL_1, APRIL_1.add(days=31)))

    @pytest.mark.parametrize(
        "span",
        [
            "2026-04-01T00:00:00Z",
            (APRIL_1,),
            (APRIL_1, APRIL_1, APRIL_1),
            ("a", "b"),
            "relative:-7d,",
            (APRIL_1, None),
        ],
    )
    def test_another_range_is_refused(self, labs, span):
        with pytest.raises(ConfigurationError):
            AppliedLabsHook().list_conversations(created_at__range=span)

    def test_a_filter_without_a_value_is_left_out(self, labs):
        list(AppliedLabsHook().list_conversations(agent_id=None, resolution="soft"))

        assert params(labs.targets[0]) == {"limit": "100", "resolution": "soft"}

    def test_another_filter_is_refused(self, labs):
        with pytest.raises(ConfigurationError, match="do not exist for Applied Labs"):
            AppliedLabsHook().list_conversations(last_message_at__range=RANGE)

    def test_an_answer_without_its_list_is_an_error(self, labs):
        labs.script = [as_json({"detail": "busy"})]

        with pytest.raises(IncompleteExportError, match="without its record list 'results'"):
            list(AppliedLabsHook().list_conversations())


class TestGet:
    def test_one_conversation_comes_as_a_dict(self, labs):
        labs.script = [as_json({"id": SHOP, "messages": None})]

        assert AppliedLabsHook().get_conversation(SHOP) == {"id": SHOP, "messages": None}
        assert labs.targets == [f"{LIST}{SHOP}/"]

    def test_a_conversation_that_does_not_exist_is_refused_with_404(self, labs):
        labs.script = [Answer(404)]

        with pytest.raises(
            VendorRejectedError, match="Check the shop_id, the connection's host and the ids"
        ) as caught:
            AppliedLabsHook().get_conversation(SHOP)
        assert caught.value.status == 404

    @pytest.mark.parametrize("identity", ["a/b", "a?b=c", "a#b", "Zürich"])
    def test_an_id_cannot_change_the_path(self, labs, identity):
        labs.script = [as_json({"id": identity})]

        AppliedLabsHook().get_conversation(identity)

        assert urlsplit(labs.targets[0]).path.count("/") == 4
        assert not urlsplit(labs.targets[0]).query

    @pytest.mark.parametrize("identity", ["..", ".", ""])
    def test_an_id_that_is_part_of_a_path_is_refused(self, labs, identity):
        with pytest.raises(ConfigurationError):
            AppliedLabsHook().get_conversation(identity)


def test_a_shop_in_capitals_has_the_same_budget_and_folder(labs):
    shop = "ABCDEF01-2345-6789-ABCD-EF0123456789"
    one, two = AppliedLabsHook(shop_id=shop), AppliedLabsHook(shop_id=shop.lower())

    assert one.scope() == two.scope() == {"shop_id": shop.lower()}
    assert one.account(one.settings) == two.account(two.settings)
