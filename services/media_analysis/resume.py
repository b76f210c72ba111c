"""Addresses of workers in; the partitions that go on, which the flood guard had stopped, out."""

from __future__ import annotations

from typing import Any

import click

UNREACHABLE = 1
_SECONDS = 10.0
_HELP = """Let partitions go on that the flood guard stopped because too many of their records were dead letters.

\b
media-analysis resume                                          # the worker on this machine
media-analysis resume --url http://10.0.0.7:8080 --url http://10.0.0.8:8080
media-analysis resume --topic media.analysis.requested.v1 --partition 3
kubectl exec POD -- media-analysis resume                      # in the worker's pod

Each worker knows its own partitions only: name every worker whose /readyz speaks of the flood guard. Stop what
sends the garbage first, or the partition stops again after a window of records (WORKER_FLOOD_WINDOW).
Nothing to resume is no error."""


@click.command(name="resume", help=_HELP)
@click.option("--url", "urls", multiple=True, metavar="URL", help="A worker's probes; may be repeated.")
@click.option("--topic", help="Only the partitions of this topic.")
@click.option("--partition", type=click.IntRange(0), help="Only this partition; needs --topic.")
@click.option("--port", envvar="WORKER_HTTP_PORT", default=8080, show_default=True, help="Port here, without --url.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a worker.")
def command(*, urls: tuple[str, ...], topic: str | None, partition: int | None, port: int, as_json: bool) -> int:
    """Ask each worker to resume; print what went on."""
    if partition is not None and topic is None:
        raise click.UsageError("--partition names one of a topic's: add --topic")
    chosen = {name: value for name, value in (("topic", topic), ("partition", partition)) if value is not None}
    results = [_resume(url.rstrip("/"), chosen, as_json=as_json) for url in urls or (f"http://127.0.0.1:{port}",)]
    return 0 if all(results) else UNREACHABLE


def _resume(url: str, chosen: dict[str, Any], *, as_json: bool) -> bool:
    import httpx  # noqa: PLC0415 - `--help` does not wait for it

    from media_analysis.arrivals import one_line  # noqa: PLC0415 - as above

    try:
        # trust_env=False: a proxy of the shell's has no way into the cluster.
        answer = httpx.post(f"{url}/resume", params=chosen, timeout=_SECONDS, trust_env=False)
        answer.raise_for_status()
        resumed: list[dict[str, Any]] = answer.json()["resumed"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError) as error:
        remedy = "give the address of its probes (WORKER_HTTP_PORT), such as --url http://host:8080"
        click.echo(f"error: no worker answers at {url}: {error or type(error).__name__}: {remedy}", err=True)
        return False
    if as_json:
        click.echo(one_line({"url": url, "resumed": resumed}))
    else:
        names = [f"{each['topic']}-{each['partition']}" for each in resumed]
        click.echo(f"{url}: " + (f"resumed {', '.join(names)}" if names else "nothing was stopped by the flood guard"))
    return True
