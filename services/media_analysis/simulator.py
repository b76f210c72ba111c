"""Arguments in; the model simulator serving until it is stopped, or its table of rules, out."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("simulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8900, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--scenario", type=click.Path(path_type=Path), metavar="FILE", help="JSON script of pace and faults.")
@click.option(
    "--port-file", type=click.Path(path_type=Path), metavar="FILE", help="Write the port here once it listens."
)
@click.option("--api-key", multiple=True, metavar="KEY", help="Take only these keys; else any that begins with sk-.")
@click.option("--rules", "show_rules", is_flag=True, help="Print the table of rules and stop.")
@click.option("--json", "as_json", is_flag=True, help="With --rules: one JSON document.")
def command(
    *,
    host: str,
    port: int,
    scenario: Path | None,
    port_file: Path | None,
    api_key: tuple[str, ...],
    show_rules: bool,
    as_json: bool,
) -> None:
    """Speak the provider's API over a socket, with its refusals, token counts and (by a scenario) its faults."""
    if show_rules:
        from model_simulator.show_rules import print_rules  # noqa: PLC0415  --help must stay quick

        print_rules(as_json=as_json)
        return
    if as_json:
        raise click.UsageError("--json goes with --rules")
    _serve(host, port, scenario, port_file, api_key)


def _serve(host: str, port: int, scenario: Path | None, port_file: Path | None, api_key: tuple[str, ...]) -> None:
    from model_simulator.app import build_app  # noqa: PLC0415  --help must stay quick
    from model_simulator.rule_table import load_rules  # noqa: PLC0415
    from model_simulator.scenario import ScenarioError, load_scenario  # noqa: PLC0415
    from model_simulator.serve import base_url, listen_on, serve, write_port  # noqa: PLC0415

    rules = load_rules()
    try:
        script = load_scenario(scenario, rules) if scenario else None
    except (ScenarioError, OSError) as error:
        raise click.ClickException(f"--scenario {scenario}: {error}") from None
    try:
        server = listen_on(host, port)
    except OSError as error:
        remedy = "choose another --port, or 0 for a free one"
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror or error}; {remedy}") from None

    def ready() -> None:
        if port_file:
            write_port(server, port_file)
        click.echo(f"simulator: {base_url(server)}")

    serve(build_app(scenario=script, api_keys=api_key, rules=rules), server, ready=ready)
