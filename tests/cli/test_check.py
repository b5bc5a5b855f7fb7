from __future__ import annotations

import pytest

from airflow_provider_convexport.cli.__main__ import main


def test_a_connection_that_works_is_checked_with_one_request(connect, answer_empty, server, capsys):
    connect("ada", server.url)

    main(["check", "--conn-id", "ada_default"])

    assert capsys.readouterr().out == "Ada answered and accepted the key.\n"
    assert len(server.asked) == 1


def test_a_connection_that_does_not_work_exits_with_1(connect, refuse, server):
    connect("ada", server.url)

    with pytest.raises(SystemExit, match=r"Ada .* refused the request with status 401"):
        main(["check", "--conn-id", "ada_default"])
