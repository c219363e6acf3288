"""Network automation by netmiko's own driver for FortiOS: HOST PORT USER PASSWORD.

Reads, configures, reads again; ends with status 0 if everything was as the library expects it.
"""

import sys

from netmiko import ConnectHandler


def main(host, port, user, password):
    unit = ConnectHandler(
        device_type="fortinet", host=host, port=int(port), username=user, password=password
    )
    assert unit.find_prompt() == "symbolon #", unit.find_prompt()

    [status] = unit.send_command("get system status", use_textfsm=True, raise_parsing_error=True)
    assert status["hostname"] == "symbolon", status
    assert status["version"].startswith("Symbolon-VM v7."), status

    # The driver switches paging off for its session: nothing waits for a key.
    whole = unit.send_command("show full-configuration")
    assert "--More--" not in whole, whole
    assert "config user setting" in whole, whole

    said = unit.send_config_set(
        [
            "config user local",
            "edit robot",
            "set passwd secret-of-robot",
            "set email-to robot@example.org",
            "next",
            "end",
            "config user group",
            "edit staff",
            "set member robot",
            "end",
        ]
    )
    assert "Command fail" not in said, said
    shown = unit.send_command("show user group")
    assert 'set member "robot"' in shown, shown
    refused = unit.send_command("config nonsense")
    assert "command parse error before 'nonsense'" in refused, refused
    assert "Command fail. Return code -61" in refused, refused
    many = unit.send_multiline(
        [["config user local", r"\(local\) #"], ["delete robot", r"\(local\) #"], ["end", r"#"]]
    )
    assert "Return code -23" in many, many
    unit.disconnect()


main(*sys.argv[1:5])
