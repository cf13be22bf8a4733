from __future__ import annotations

from pathlib import Path

import pytest

from dxfd.errors import ConfigError
from dxfd.paths import check_endpoint, default_dirs, find_socket

ANN = {"HOME": "/home/ann"}


def test_root_gets_the_systems_folders():
    dirs = default_dirs({}, uid=0)
    assert (str(dirs.state), str(dirs.run), str(dirs.log)) == ("/var/lib/dxfd", "/run/dxfd", "/var/log/dxfd")


def test_a_user_gets_xdg_folders():
    dirs = default_dirs({**ANN, "XDG_RUNTIME_DIR": "/run/user/7"}, uid=7)
    assert dirs.run == Path("/run/user/7/dxfd")
    assert dirs.state == Path("/home/ann/.local/state/dxfd")


def test_a_user_without_a_runtime_folder_gets_one_in_the_state_folder():
    assert default_dirs(ANN, uid=7).run == Path("/home/ann/.local/state/dxfd/run")


def test_systemds_folders_win():
    env = {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "RUNTIME_DIRECTORY": "/run/a", "LOGS_DIRECTORY": "/var/log/a"}
    dirs = default_dirs(env, uid=0)
    assert (str(dirs.state), str(dirs.run), str(dirs.log)) == ("/var/lib/a", "/run/a", "/var/log/a")


def test_the_socket_is_found_by_flag_environment_file_default(tmp_path):
    file = tmp_path / "dxfd.toml"
    file.write_text('run_dir = "/srv/dx"\n')
    env = {**ANN, "XDG_RUNTIME_DIR": str(tmp_path)}
    by_env = {**env, "DXFD_SOCKET": "ipc:///e.sock", "DXFD_CONFIG": str(file)}
    assert find_socket("/f.sock", environ=by_env, uid=7) == "ipc:///f.sock"
    assert find_socket(environ=by_env, uid=7) == "ipc:///e.sock"
    assert find_socket(environ={**env, "DXFD_RUN_DIR": "/d"}, uid=7) == "ipc:///d/control.sock"
    assert find_socket(config=file, environ=env, uid=7) == "ipc:///srv/dx/control.sock"
    (tmp_path / "dxfd").mkdir()
    (tmp_path / "dxfd/control.sock").touch()
    assert find_socket(environ=env, uid=7) == f"ipc://{tmp_path}/dxfd/control.sock"


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:1", "ipc://relative", "relative", "ipc:///" + "é" * 60])
def test_an_endpoint_that_cannot_be_one_is_refused(endpoint):
    with pytest.raises(ConfigError):
        check_endpoint(endpoint)
