from click.testing import CliRunner

from cli.main import triggers


def test_the_command_makes_what_the_environment_names(ministack: str) -> None:
    assert ministack
    environ = {name: f"cli-{name.lower().replace('_', '-')}" for name in ("QUEUE_NAME", "DLQ_NAME", "BODIES_BUCKET")}
    done = CliRunner().invoke(triggers, ["provision"], env=environ)
    assert done.output == "Queues, tables and bucket are in place.\n"
    assert done.exit_code == 0
