"""A request can only name what its tenant may read (law 9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.errors import MediaForbidden
from analysis_worker.media.media_access import require_access
from media_contracts import MediaItem

ALLOWED = {"shop": ["media/shop/*", "public/logo.png"], "all": ["media/*"]}


def ask(tenant, *items, hosts=()):
    require_access(items, tenant=tenant, allowed=ALLOWED, url_hosts=frozenset(hosts))


def image(bucket, key):
    return MediaItem(kind="image", bucket=bucket, key=key)


@pytest.mark.parametrize(
    ("bucket", "key"), [("media", "shop/a.jpg"), ("media", "shop/b/c.jpg"), ("public", "logo.png")]
)
def test_what_a_pattern_names_is_allowed(bucket, key):
    ask("shop", image(bucket, key))


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("media", "other/a.jpg"),
        ("media", "shop"),
        ("public", "logo.png.bak"),
        ("media2", "shop/a.jpg"),
        ("results", "ledger/shop/x"),
        ("media", "shop/../other/a.jpg"),
        ("media", "shop/./a.jpg"),
    ],
)
def test_anything_else_is_forbidden(bucket, key):
    with pytest.raises(MediaForbidden):
        ask("shop", image(bucket, key))


def test_nothing_is_allowed_by_default():
    with pytest.raises(MediaForbidden, match="S3_ALLOWED"):
        ask("nobody", image("media", "a.jpg"))


def test_every_frame_is_checked():
    with pytest.raises(MediaForbidden):
        ask("shop", MediaItem(kind="frames", bucket="media", keys=("shop/1.jpg", "other/2.jpg")))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.jpg",
        "http://cdn.example/a.jpg",
        "https://cdn.example.evil.example/a.jpg",
        "https://user@cdn.example/a.jpg",
        "https://cdn.example:8443/a.jpg",
    ],
)
def test_only_https_and_a_listed_host(url):
    with pytest.raises(MediaForbidden):
        ask("all", MediaItem(kind="image", url=url), hosts=["cdn.example"])


def test_a_listed_host_is_allowed():
    ask("all", MediaItem(kind="image", url="https://CDN.example/a.jpg"), hosts=["cdn.example"])


@given(st.text(alphabet="ab/.*%2e", min_size=1, max_size=30))
def test_an_allowed_key_never_leaves_its_prefix(key):
    try:
        ask("shop", image("media", key))
    except MediaForbidden:
        return
    assert key.startswith("shop/")
    assert not {".", ".."} & set(key.split("/"))
