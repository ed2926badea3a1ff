from __future__ import annotations

import pytest

from enricher.core import columns
from enricher.errors import PayloadError


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("EventID", ["eventid", "eventcode"]),
        ("Computer", ["sourcehost", "host", "computer", "computername", "hostname"]),
        ("ProcessGuid", ["processguid", "eventdata.processguid"]),
        ("ProcessId", ["processid", "pid"]),
        ("Image", ["processimage", "image", "baseimage", "eventdata.image"]),
        ("User", ["username", "user", "userusername"]),
        ("QueryName", ["queryname", "dnsquery"]),
        ("DestinationHostname", ["desthostname", "dsthost", "destinationhostname", "dstdevicehostname"]),
        ("DestinationIp", ["destip", "dstip", "destinationip", "dstdeviceip"]),
        ("DestinationPort", ["destport", "dstport", "destinationport"]),
        ("CommandLine", ["commandline"]),
        ("ParentImage", ["parentimage", "parentbaseimage"]),
        ("ParentCommandLine", ["parentcommandline"]),
        ("OriginalFileName", ["originalfilename"]),
        ("first_seen", ["firstseen", "messagetime", "time", "timeslice"]),
        ("count", ["count"]),
    ],
)
def test_aliases(field: str, names: list[str]) -> None:
    for name in names:
        assert columns.told({name: "x"}) == {field: "x"}


def test_the_first_named_alias_wins_in_any_order() -> None:
    one, other = {"time": "1", "firstseen": "2"}, {"firstseen": "2", "time": "1"}
    assert columns.told(one) == columns.told(other) == {"first_seen": "2"}


def test_hostname_beside_a_host_is_the_destination() -> None:
    said = columns.told({"host": "ws-1", "hostname": "a.workers.dev"})
    assert (said["Computer"], said["DestinationHostname"]) == ("ws-1", "a.workers.dev")


@pytest.mark.parametrize(
    ("columns_of_json", "said"),
    [
        pytest.param(
            {"image": r"C:\\x\\y.exe", "user": r"D\\u"}, {"Image": r"C:\x\y.exe", "User": r"D\u"}, id="all of them"
        ),
        pytest.param(
            {"parentimage": r"C:\\p.exe", "commandline": r"a \"b\" \u00fc"},
            {"ParentImage": r"C:\p.exe", "CommandLine": 'a "b" ü'},
            id="quotes and characters too",
        ),
        pytest.param(
            {"image": r"C:\\x.exe", "commandline": r'a "b" \\c'},
            {"Image": r"C:\x.exe", "CommandLine": r'a "b" \c'},
            id="a value cut off within an escape",
        ),
        pytest.param({"image": r"\\srv\x.exe"}, {"Image": r"\\srv\x.exe"}, id="a share is no escape"),
        pytest.param(
            {"image": r"C:\x.exe", "commandline": r"a \\srv\x"},
            {"Image": r"C:\x.exe", "CommandLine": r"a \\srv\x"},
            id="a path that is written once",
        ),
    ],
)
def test_columns_cut_out_of_raw_json(columns_of_json: dict[str, str], said: dict[str, str]) -> None:
    assert columns.told(columns_of_json) == said


def test_execution_is_not_the_process() -> None:
    assert columns.told({"execution.processid": "3312", "serverlessplatform": "x"}) == {}


@pytest.mark.parametrize(
    ("said", "event_id"),
    [
        pytest.param({"EventID": "22", "QueryName": "a.b"}, 22, id="event 22"),
        pytest.param({"EventID": "3.0", "DestinationIp": "1.2.3.4"}, 3, id="event 3, as a double"),
        pytest.param({"EventID": "1", "Image": "x"}, 1, id="event 1"),
        pytest.param({"EventID": "5"}, 5, id="an id that is refused later"),
        pytest.param({"EventID": "Microsoft-Windows-Sysmon/Operational-22", "QueryName": "a.b"}, 22, id="Cloud SIEM's id"),
        pytest.param({"object_type": "NetworkDNS", "QueryName": "a.b"}, 22, id="a DNS record"),
        pytest.param({"QueryName": "a.b"}, 3, id="no event id: a name of whatever source"),
        pytest.param({"DestinationIp": "1.2.3.4"}, 3, id="no event id, an address"),
        pytest.param({"CommandLine": "curl x"}, 1, id="no event id, a process"),
    ],
)
def test_event_id(said: dict[str, str], event_id: int) -> None:
    assert columns.record(said).event_id == event_id


@pytest.mark.parametrize(
    ("said", "code"), [({"Image": "x"}, "unreadable"), ({}, "unreadable"), ({"EventID": "three"}, "event_id")]
)
def test_refused(said: dict[str, str], code: str) -> None:
    with pytest.raises(PayloadError) as refused:
        columns.record(said)
    assert refused.value.code == code


def test_cloud_siem_gives_a_query_the_wrong_pid() -> None:
    said = {"EventID": "Microsoft-Windows-Sysmon/Operational-22", "ProcessId": "3312", "QueryName": "a.b"}
    assert "ProcessId" not in columns.record(said).data


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        pytest.param({"first_seen": "1773324301000", "last_seen": "1773324598441"}, True, True, id="a stretch"),
        pytest.param({"first_seen": "1773324301000", "last_seen": "1773324301000"}, True, False, id="one instant"),
        pytest.param({"first_seen": "1773324598441", "last_seen": "1773324301000"}, True, False, id="the wrong way round"),
        pytest.param({"last_seen": "1773324301000"}, True, False, id="only the end"),
        pytest.param({}, False, False, id="no time"),
    ],
)
def test_span(said: dict[str, str], first: bool, last: bool) -> None:  # noqa: FBT001 - a table's columns
    at, last_at = columns.span(said)
    assert (at is not None, last_at is not None) == (first, last)


@pytest.mark.parametrize(("written", "count"), [("5", 5), ("1,545", 1545), ("0", 1), ("many", 1), ("-3", 1)])
def test_count(written: str, count: int) -> None:
    assert columns.count({"count": written}) == count
