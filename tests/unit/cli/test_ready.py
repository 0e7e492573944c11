from click.testing import CliRunner

from cli.main import triggers


def test_an_api_that_does_not_answer_is_not_ready(free_port: int) -> None:
    result = CliRunner().invoke(triggers, ["ready", f"http://127.0.0.1:{free_port}"])
    assert result.exit_code == 1
    assert "/readyz does not answer 200" in result.output
