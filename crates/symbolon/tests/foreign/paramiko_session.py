"""Scripts on paramiko, as deployed for years: HOST PORT USER PASSWORD.

One command a channel as SDKs do it, several lines in one command, and an interactive shell.
"""

import sys
import time

import paramiko


def executed(client, lines):
    _, output, errors = client.exec_command(lines)
    said = output.read().decode()
    return said, errors.read().decode(), output.channel.recv_exit_status()


def main(host, port, user, password):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        host, int(port), user, password, look_for_keys=False, allow_agent=False, timeout=20
    )
    said, errors, status = executed(client, "get system status")
    assert (errors, status) == ("", 0), (errors, status)
    assert said.startswith("Version: Symbolon-VM v7."), said

    said, errors, status = executed(
        client, "config system global\n set hostname gate7\n end\n show system global\n"
    )
    assert (errors, status) == ("", 0), (errors, status)
    assert said.startswith("config system global\n"), said
    assert '    set hostname "gate7"\nend\n' in said, said

    said, _, status = executed(client, "config user local\nedit robot\nset passwd\nend\n")
    assert status == 1 and "Command fail. Return code" in said, (status, said)

    shell = client.invoke_shell(width=511, height=1000)
    read = b""
    for line, expected in [
        ("", b"gate7 # "),
        ("config system console", b"gate7 (console) # "),
        ("get", b"output              : more"),
        ("end", b"gate7 # "),
        ("exit", b""),
    ]:
        shell.send(line + "\n")
        deadline = time.monotonic() + 20
        while expected not in read:
            assert time.monotonic() < deadline, (line, read)
            time.sleep(0.02)
            if shell.recv_ready():
                read += shell.recv(65536)
        read = b""
    client.close()


main(*sys.argv[1:5])
