"""Published range files as providers write them, and what is done with anything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core import ranges
from enricher.core.ranges import Network, Place, Range, RangeFile, RangeTable, publishers, read_ranges
from enricher.errors import ConfigurationError
from tests.fakes import packaged_programs

FILES = Path(__file__).parents[1] / "data/ranges"
WRITTEN = datetime(2026, 11, 24, 6, tzinfo=UTC)


def shipped(name: str) -> RangeFile:
    return read_ranges(name, (FILES / name).read_bytes(), WRITTEN)


EVERYTHING = RangeTable([shipped(path.name) for path in sorted(FILES.iterdir())])


# --- reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "provider", "dated", "count", "versions"),
    [
        pytest.param("ip-ranges.json", "Amazon", datetime(2026, 11, 20, 17, 13, 10, tzinfo=UTC), 12, {4, 6}, id="AWS"),
        pytest.param("goog.json", "Google", datetime(2026, 11, 20, 11, 0, 24, 369430, tzinfo=UTC), 7, {4, 6}, id="Google"),
        pytest.param(
            "cloud.json", "Google", datetime(2026, 11, 20, 11, 0, 24, 369430, tzinfo=UTC), 3, {4, 6}, id="Google Cloud"
        ),
        pytest.param(
            "ServiceTags_Public_20261116.json", "Microsoft", datetime(2026, 11, 16, tzinfo=UTC), 9, {4, 6}, id="Azure"
        ),
        pytest.param("ips-v4", "Cloudflare", WRITTEN, 15, {4}, id="Cloudflare v4"),
        pytest.param("ips-v6", "Cloudflare", WRITTEN, 7, {6}, id="Cloudflare v6"),
        pytest.param("public-ip-list.json", "Fastly", WRITTEN, 8, {4, 6}, id="Fastly"),
        pytest.param(
            "public_ip_ranges.json", "Oracle", datetime(2026, 11, 18, 19, 33, 38, 512213, tzinfo=UTC), 2, {4}, id="Oracle"
        ),
        pytest.param("meta.json", "GitHub", WRITTEN, 6, {4, 6}, id="GitHub"),
        pytest.param("scaleway.txt", "Scaleway", WRITTEN, 3, {4, 6}, id="a list of one's own"),
    ],
)
def test_a_providers_file(name: str, provider: str, dated: datetime, count: int, versions: set[int]) -> None:
    file = shipped(name)
    assert (file.name, file.provider, file.dated, len(file.ranges), set(file.versions)) == (
        name,
        provider,
        dated,
        count,
        versions,
    )


def test_only_what_customers_rent_is_not_the_whole_of_a_provider() -> None:
    assert {path.name for path in FILES.iterdir() if not shipped(path.name).whole} == {"cloud.json"}


def test_a_byte_order_mark_and_foreign_line_ends_are_no_trouble() -> None:
    text = b"\xef\xbb\xbf" + (FILES / "scaleway.txt").read_bytes().replace(b"\n", b"\r\n")
    assert read_ranges("scaleway.txt", text, WRITTEN) == shipped("scaleway.txt")


def test_a_range_with_bits_of_a_host_is_the_range_around_it() -> None:
    file = read_ranges("a.txt", b"# Provider: X\n51.15.7.1/17", WRITTEN)
    assert file.ranges == (Range(ip_network("51.15.0.0/17")),)


AWS = json.loads((FILES / "ip-ranges.json").read_text())


def aws(**changed: object) -> bytes:
    return json.dumps({**AWS, **changed}).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "names no provider", id="empty"),
        pytest.param(b"10.0.0.0/8\n", "names no provider", id="no header"),
        pytest.param(b"# provider: " + b"x" * 65 + b"\n51.15.0.0/17", "names no provider", id="a name too long to be one"),
        pytest.param(b"# provider: a\x1b[31m\n51.15.0.0/17", "names no provider", id="a name that cannot be shown"),
        pytest.param(b"# provider: X\n", "has no ranges", id="no ranges"),
        pytest.param(b"# provider: X\n51.15.0.0/17\nevil\n", "'evil' is no range", id="one bad range refuses all"),
        pytest.param(b"# provider: X\n0.0.0.0/0", "'0.0.0.0/0' is wider than", id="everything"),
        pytest.param(b"# provider: X\n2000::/3", "'2000::/3' is wider than", id="everything, v6"),
        pytest.param(b"# provider: X\n128.0.0.0/7", "'128.0.0.0/7' is wider than", id="too much"),
        pytest.param(b"\xff\xfe\x00", "is neither JSON nor UTF-8 text", id="bytes"),
        pytest.param(b"<html><body>Access denied</body></html>", "names no provider", id="a page instead of a file"),
        pytest.param(b'{"createDate": "2026-', "is no JSON", id="cut off"),
        pytest.param(b"[" * 100_000, "is no JSON", id="deep"),
        pytest.param(b'{"a":' * 100_000, "is no JSON", id="deep objects"),
        pytest.param(b"[]", "is in no shape that is known", id="a list"),
        pytest.param(b'{"hello": "world"}', "is in no shape that is known", id="another document"),
        pytest.param(aws(prefixes={}), "'prefixes' is no list", id="an object for a list"),
        pytest.param(aws(prefixes=[1]), "'prefixes' holds something else than objects", id="numbers for objects"),
        pytest.param(aws(prefixes=[{}]), "None is no range", id="an entry without its range"),
        pytest.param(aws(prefixes=[{"ip_prefix": 3}]), "3 is no range", id="a number for a range"),
        pytest.param(aws(prefixes=[{"ip_prefix": "x" * 5000}]), "is no range", id="a long word for a range"),
        pytest.param(aws(prefixes=[], ipv6_prefixes=[]), "has no ranges", id="emptied"),
        pytest.param(b'{"changeNumber":1,"values":[{"name":"a"}]}', "a value has no properties", id="a tag without any"),
        pytest.param(
            b'{"changeNumber":1,"values":[{"properties":{"addressPrefixes":{}}}]}',
            "'addressPrefixes' is no list",
            id="a tag's ranges",
        ),
    ],
)
def test_what_is_refused_is_named_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_ranges("some.file", content, WRITTEN)
    [problem] = refused.value.problems
    assert problem.startswith("some.file: ")
    assert reason in problem
    assert len(problem) < 200


def test_a_file_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_BYTES", 100)
    with pytest.raises(ConfigurationError, match=r"^a\.json: longer than 100 bytes$"):
        read_ranges("a.json", b" " * 101, WRITTEN)


def test_a_file_with_too_many_ranges_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_RANGES", 3)
    lines = "\n".join(f"51.15.{n}.0/24" for n in range(4))
    with pytest.raises(ConfigurationError, match="more than 3 ranges"):
        read_ranges("a.txt", f"# provider: X\n{lines}".encode(), WRITTEN)


@pytest.mark.parametrize(
    "date",
    [pytest.param(date, id=str(date)[:12]) for date in ("", "yesterday", "2026-13-45-99-99-99", 5, None, "9" * 100)],
)
def test_a_date_that_is_none_gives_way_to_the_files_own(date: object) -> None:
    assert read_ranges("a.json", aws(createDate=date), WRITTEN).dated == WRITTEN


def test_a_date_with_a_zone_keeps_it() -> None:
    google = {"creationTime": "2026-11-20T11:00:24+02:00", "prefixes": [{"ipv4Prefix": "8.8.8.0/24"}]}
    assert read_ranges("goog.json", json.dumps(google).encode(), WRITTEN).dated == datetime(
        2026, 11, 20, 9, 0, 24, tzinfo=UTC
    )


def test_words_that_cannot_be_shown_are_not_taken() -> None:
    entry = {"ip_prefix": "3.80.0.0/12", "service": "\u202eEC2", "region": "x" * 65}
    file = read_ranges("a.json", aws(prefixes=[entry], ipv6_prefixes=[]), WRITTEN)
    assert file.ranges == (Range(ip_network("3.80.0.0/12"), None, None),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["8.8.8.0/24", "::/0", "EC2", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*AWS, "values", "properties", "regions"]), inner)
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["ip-ranges.json", "ServiceTags_Public_20261116.json", "public_ip_ranges.json", "meta.json"]), st.data()
)
def test_any_document_is_read_or_refused(name: str, data: st.DataObject) -> None:
    document = json.loads((FILES / name).read_text())
    document[data.draw(st.sampled_from(sorted(document)))] = data.draw(JSON)
    assert read_or_refused(name, json.dumps(document).encode())


def read_or_refused(name: str, content: bytes) -> bool:
    try:
        return bool(read_ranges(name, content, WRITTEN).ranges)
    except ConfigurationError as refused:
        return bool(refused.problems)


@given(st.sampled_from(["ips-v4", "a.json"]), st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_are_read_or_refused(name: str, content: bytes) -> None:
    assert read_or_refused(name, content)


# --- searching ------------------------------------------------------------------------------------------------------


def found(ip: str) -> Place:
    place = EVERYTHING.find(ip)
    assert place is not None
    return place


@pytest.mark.parametrize(
    ("ip", "provider", "service", "region", "prefix"),
    [
        pytest.param("3.80.1.1", "Amazon", "EC2", "us-east-1", "3.80.0.0/12", id="the telling one of two services"),
        pytest.param("52.94.77.1", "Amazon", "AMAZON", "us-west-2", "52.94.76.0/22", id="no service but the whole"),
        pytest.param("3.5.141.9", "Amazon", "EC2, S3", "ap-northeast-2", "3.5.140.0/22", id="two services"),
        pytest.param("13.69.68.1", "Microsoft", "AppService", "westeurope", "13.69.68.0/23", id="the narrower range"),
        pytest.param("13.69.1.1", "Microsoft", "AzureCloud", "westeurope", "13.69.0.0/17", id="the wider range"),
        pytest.param("13.107.213.9", "Microsoft", "AzureFrontDoor.Frontend", None, "13.107.213.0/24", id="of no region"),
        pytest.param("34.81.1.1", "Google", "Google Cloud", "asia-east1", "34.80.0.0/15", id="in two of Google's files"),
        pytest.param("8.8.8.8", "Google", None, None, "8.8.8.0/24", id="without service"),
        pytest.param("104.21.48.117", "Cloudflare", None, None, "104.16.0.0/13", id="Cloudflare"),
        pytest.param("2606:4700::6815:3075", "Cloudflare", None, None, "2606:4700::/32", id="v6"),
        pytest.param("2600:1900:4030::1", "Google", "Google Cloud", "asia-east1", "2600:1900:4030::/44", id="narrower, v6"),
        pytest.param("134.70.8.1", "Oracle", "OSN, OBJECT_STORAGE", "us-phoenix-1", "134.70.8.0/21", id="tags"),
        pytest.param("185.199.108.153", "GitHub", "pages", None, "185.199.108.0/22", id="GitHub Pages"),
    ],
)
def test_where_an_address_lies(ip: str, provider: str, service: str | None, region: str | None, prefix: str) -> None:
    place = found(ip)
    assert (place.provider, place.service, place.region, place.prefix) == (provider, service, region, prefix)


def test_all_who_publish_a_range_around_an_address_are_named() -> None:
    assert (found("13.69.68.20").provider, found("13.69.68.20").providers) == ("GitHub", ("GitHub", "Microsoft"))
    assert found("13.69.68.1").providers == ("Microsoft",)


@pytest.mark.parametrize("ip", ["9.9.9.9", "104.32.0.0", "104.15.255.255", "2001:470::1", "0.0.0.1", "::"])
def test_an_address_that_is_nobodys(ip: str) -> None:
    assert EVERYTHING.find(ip) is None


@pytest.mark.parametrize("ip", ["104.16.0.0", "104.23.255.255"])
def test_the_ends_of_a_range_are_in_it(ip: str) -> None:
    assert found(ip).prefix == "104.16.0.0/13"


def test_an_empty_table_finds_nothing() -> None:
    assert RangeTable().find("8.8.8.8") is None


V4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(8, 32)).map(lambda n: ip_network((n[0], n[1]), strict=False))
V6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(16, 128)).map(lambda n: ip_network((n[0], n[1]), strict=False))


@given(st.lists(V4 | V6, min_size=1, max_size=20), st.data())
def test_it_finds_what_going_through_all_would(networks: list[Network], data: st.DataObject) -> None:
    network = data.draw(st.sampled_from(networks))
    address = ip_address(int(network.network_address) + data.draw(st.integers(0, network.num_addresses - 1)))
    if address.version != network.version:  # a v6 address below 2**32 would be read as v4
        return
    made = [Range(one) for one in networks]
    file = RangeFile(
        name="a", provider="X", dated=WRITTEN, whole=True, ranges=tuple(made), versions=frozenset({network.version})
    )
    place = RangeTable([file]).find(str(address))
    around = [one for one in networks if one.version == address.version and address in one]
    assert place is not None
    assert place.prefix == str(max(around, key=lambda one: one.prefixlen))


class _Counted(dict[int, object]):
    asked = 0

    def get(self, key: int, default: object = None) -> object:
        _Counted.asked += 1
        return super().get(key, default)


def steps(count: int) -> int:
    """How often a table of that many ranges is looked into for one address."""
    content = "\n".join(f"{40 + n // 65_536}.{n // 256 % 256}.{n % 256}.0/24" for n in range(count))
    table = RangeTable([read_ranges("a.txt", f"# provider: X\n{content}".encode(), WRITTEN)])
    table._levels = {
        version: [(length, _Counted(level)) for length, level in levels]  # type: ignore[misc] # a dict that counts
        for version, levels in table._levels.items()
    }
    _Counted.asked = 0
    assert table.find("40.0.1.7") is not None
    return _Counted.asked


def test_a_search_takes_as_many_steps_in_many_ranges_as_in_few() -> None:
    assert steps(10) == steps(20_000) == 1


# --- the catalog ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "provider", "expected"),
    [
        ("https://ip-ranges.amazonaws.com/ip-ranges.json", "Salesforce", {"Amazon"}),
        (
            "https://www.gstatic.com/ipranges/goog.json; https://www.gstatic.com/ipranges/cloud.json",
            "Google",
            {"Google"},
        ),
        ("https://www.cloudflare.com/ips-v4 (+ips-v6)", "Render", {"Cloudflare"}),
        ("https://api.fastly.com/public-ip-list", "Google", {"Fastly"}),
        ("https://www.digitalocean.com/geo/google.csv", "DigitalOcean", {"DigitalOcean"}),
        ("", "Scaleway", {"Scaleway"}),
    ],
)
def test_whose_files_hold_a_platforms_addresses(column: str, provider: str, expected: set[str]) -> None:
    assert publishers(column, provider) == expected


def test_every_platform_of_the_catalog_has_somebody() -> None:
    platforms = packaged_programs().rules.catalog.platforms.values()
    assert all(platform.ranges for platform in platforms)
    providers = {file.provider for file in EVERYTHING.files} - {"Scaleway"}
    assert providers <= {name for platform in platforms for name in platform.ranges}
