"""Network automation by scrapli's community platform for FortiOS: HOST PORT USER PASSWORD.

Opens a unit, with or without virtual domains, goes through its places and leaves it as it was; ends
with status 0 if everything was as the library expects it.
"""

import sys

from scrapli import Scrapli


def main(host, port, user, password):
    with Scrapli(
        host=host,
        port=int(port),
        auth_username=user,
        auth_password=password,
        auth_strict_key=False,
        platform="fortinet_fortios",
        transport="paramiko",
    ) as unit:
        assert unit.get_prompt() == "symbolon #", unit.get_prompt()
        paging = unit.send_command("get system console | grep ^output").result
        assert paging.endswith(": standard"), paging
        assert unit.gather_vdoms() is None

        answers = unit.send_commands(
            ["config system global", "set vdom-mode multi-vdom", "end"],
            failed_when_contains=["Command fail"],
        )
        assert not answers.failed, answers.result

    with Scrapli(
        host=host,
        port=int(port),
        auth_username=user,
        auth_password=password,
        auth_strict_key=False,
        platform="fortinet_fortios",
        transport="paramiko",
    ) as unit:
        unit.send_commands(["config vdom", "edit sales", "end"])
        assert sorted(unit.gather_vdoms()) == ["root", "sales"]
        for context in ["sales", "root", "global", "system"]:
            unit.context(context)
        unit.context("sales")
        answers = unit.send_commands(
            ["config user local", "edit anna", "set passwd secret-of-anna", "end", "show user local"],
            failed_when_contains=["Command fail"],
        )
        assert not answers.failed, answers.result
        assert 'edit "anna"' in answers[-1].result, answers.result
        unit.context("root")
        shown = unit.send_command("show user local").result
        assert "anna" not in shown, shown
        unit.context("system")


main(*sys.argv[1:5])
