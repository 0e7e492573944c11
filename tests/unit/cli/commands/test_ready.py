from click.testing import CliRunner

from cli.main import triggers


def test_an_api_that_does_not_answer_is_not_ready(free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    result = CliRunner().invoke(triggers, ["ready", url])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {url}/readyz does not answer 200.\n"
    result = CliRunner().invoke(triggers, ["ready", f"{url}/", "--json"])
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == f'{{"ready":false,"reason":"{url}/readyz does not answer 200."}}\n'
