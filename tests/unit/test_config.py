from __future__ import annotations

from pathlib import Path

import pytest

from dxfd.config.load import load
from dxfd.config.model import FIELDS, Settings, written
from dxfd.config.reload import change
from dxfd.errors import ConfigError

ROOT = Path(__file__).parents[2]
NOBODY = {"HOME": "/home/ann", "XDG_RUNTIME_DIR": "/run/user/7"}


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path):
    file = tmp_path / "dxfd.toml"
    file.write_text('max_workers = 2\nmax_attempts = 5\nlog_level = "debug"\n')
    env = {"DXFD_CONFIG": str(file), "DXFD_MAX_WORKERS": "3", "DXFD_MAX_ATTEMPTS": "6"}
    loaded = load(flags={"max_workers": 4, "log_level": None}, environ=env)
    s = loaded.settings
    assert (s.max_workers, s.max_attempts, s.log_level, s.quarantine_after) == (4, 6, "debug", 3)
    origins = [loaded.origins[k] for k in ("max_workers", "max_attempts", "log_level", "quarantine_after")]
    assert origins == ["flag", "environment", str(file), "default"]


def test_an_unknown_key_is_named_with_its_place_and_the_nearest_one(tmp_path):
    file = tmp_path / "dxfd.toml"
    file.write_text("max_worker = 2\n")
    with pytest.raises(ConfigError) as error:
        load(config=file, environ={})
    assert "max_worker" in error.value.message
    assert str(file) in error.value.message
    assert "max_workers" in error.value.hint


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_workers", "-1"), ("max_workers", "two"), ("memory_limit", "1M"), ("memory_limit", "lots"),
        ("memory_budget", "140%"), ("memory_wall", "50%"), ("worker_timeout_s", "5 years"), ("log_level", "loud"),
        ("state_dir", "relative"), ("fsync", "no"), ("auto_resume", "maybe"), ("max_attempts", "0"),
        ("socket", "tcp://127.0.0.1:5555"), ("tick_s", "0"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_name(key, value):
    with pytest.raises(ConfigError) as error:
        load(environ={**NOBODY, f"DXFD_{key.upper()}": value})
    assert key in error.value.message


@pytest.mark.parametrize("text", ["a = ", "\xff", "[section]\nx = 1"])
def test_a_file_that_is_no_settings_file_is_refused(tmp_path, text):
    file = tmp_path / "dxfd.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError):
        load(config=file, environ={})


def test_a_missing_settings_file_is_an_error_when_it_was_named(tmp_path):
    with pytest.raises(ConfigError, match="no settings file"):
        load(config=tmp_path / "none.toml", environ={})


def test_the_sample_file_holds_every_setting_with_its_default_in_order(tmp_path):
    text = (ROOT / "etc/dxfd.toml").read_text()
    lines = [line.removeprefix("#") for line in text.splitlines() if line.startswith("#") and not line.startswith("# ")]
    assignments = [line for line in lines if " = " in line]
    assert [line.split(" = ")[0] for line in assignments] == list(FIELDS)
    file = tmp_path / "dxfd.toml"
    file.write_text("\n".join(assignments))
    defaults = Settings(socket="ipc:///run/dxfd/control.sock")
    assert load(config=file, environ={}).settings == defaults


def test_the_sample_file_and_the_document_say_what_the_model_says():
    sample = " ".join((ROOT / "etc/dxfd.toml").read_text().replace("\n# ", " ").split())
    document = (ROOT / "docs/settings.md").read_text()
    for field in FIELDS.values():
        assert field.words in sample, field.name
        when = "at start" if field.restart else "at SIGHUP"
        row = f"| `{field.name}` | `{written(field, field.default)}` | {field.kind.value} | {when} | {field.words} |"
        assert row in document, row


def test_a_socket_path_longer_than_the_kernel_takes_is_refused():
    with pytest.raises(ConfigError, match="107"):
        load(environ={"DXFD_RUN_DIR": "/tmp/" + "x" * 100})


def test_settings_read_again_are_taken_over_as_far_as_that_goes_while_running():
    now = Settings()
    read = Settings(memory_limit=256 << 20, order="smallest", fsync="normal")
    found = change(now, read)
    assert (found.settings.memory_limit, found.settings.order, found.settings.fsync) == (256 << 20, "smallest", "full")
    assert found.applied == {"memory_limit": '"512M" -> "256M"', "order": '"oldest" -> "smallest"'}
    assert found.at_restart == ["fsync"]
    assert change(now, now).applied == {}
