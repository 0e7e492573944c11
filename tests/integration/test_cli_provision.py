import msgspec
from click.testing import CliRunner

from cli.main import triggers


def test_the_command_makes_what_the_environment_names(ministack: str) -> None:
    assert ministack
    environ = {name: f"cli-{name.lower().replace('_', '-')}" for name in ("QUEUE_NAME", "DLQ_NAME", "BODIES_BUCKET")}
    done = CliRunner().invoke(triggers, ["provision"], env=environ)
    assert done.output == "Queues, tables and bucket are in place.\n"
    assert done.exit_code == 0
    reported = CliRunner().invoke(triggers, ["provision", "--json"], env=environ)
    assert msgspec.json.decode(reported.stdout) == {
        "region": "us-east-1",
        "queue": "cli-queue-name",
        "dlq": "cli-dlq-name",
        "events_table": "triggers-events",
        "api_keys_table": "triggers-api-keys",
        "groups_table": "triggers-groups",
        "sources_table": "triggers-sources",
        "bucket": "cli-bodies-bucket",
        "kms_key": None,
    }
    assert reported.stderr == ""
