"""Which API a command speaks to, and where a token may go."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cli import profiles, target
from connectors.cli.profiles import Profile, Profiles
from connectors.cli.target import Chosen, Target, Unclear

FIELD = Profile(url="https://field.example", username="ann", token="t-field", ca_file="/ca.pem")
HOME = Profile(url="https://home.example", username="bob", token="t-home")
HELD = Profiles(current="field", profiles={"field": FIELD, "home": HOME})
NOTHING = Chosen()


@pytest.mark.parametrize(
    ("options", "variables", "url", "token"),
    [
        (NOTHING, {}, "https://field.example", "t-field"),
        (Chosen(profile="home"), {}, "https://home.example", "t-home"),
        (NOTHING, {"ISTHMUS_PROFILE": "home"}, "https://home.example", "t-home"),
        (Chosen(profile="field"), {"ISTHMUS_PROFILE": "home"}, "https://field.example", "t-field"),
        (Chosen(profile="field"), {"ISTHMUS_HOST": "https://home.example"}, "https://field.example", "t-field"),
        (NOTHING, {"ISTHMUS_HOST": "home.example/"}, "https://home.example", "t-home"),
        (Chosen(host="https://home.example/broker/api/"), {}, "https://home.example", "t-home"),
        (NOTHING, {"ISTHMUS_TOKEN": "own"}, "https://field.example", "own"),
        (Chosen(host="127.0.0.1:5687"), {"ISTHMUS_TOKEN": "own"}, "http://127.0.0.1:5687", "own"),
        (Chosen(host="[::1]:5687"), {"ISTHMUS_TOKEN": "own"}, "http://[::1]:5687", "own"),
    ],
)
def test_options_win_over_variables_and_these_over_the_current_login(
    options: Chosen, variables: dict[str, str], url: str, token: str
) -> None:
    chosen = target.resolve(options, variables, HELD)
    assert chosen is not None
    assert (chosen.url, chosen.token) == (url, token)


def test_without_a_login_it_is_this_machine_and_so_it_is_when_asked_for() -> None:
    assert target.resolve(NOTHING, {}, Profiles()) is None
    assert target.resolve(Chosen(profile="local"), {}, HELD) is None
    assert target.resolve(NOTHING, {"ISTHMUS_PROFILE": "local"}, HELD) is None


def test_a_token_variable_counts_on_this_machine_too() -> None:
    own = {"ISTHMUS_TOKEN": "own"}
    assert target.resolve(NOTHING, own, Profiles()) == Target("", "own")
    assert target.resolve(Chosen(profile="local"), own, Profiles()) is None


def test_the_authority_to_trust_is_the_logins_unless_another_is_named() -> None:
    assert target.resolve(NOTHING, {}, HELD) == Target("https://field.example", "t-field", "/ca.pem", "field")
    other = target.resolve(Chosen(ca_file="/other.pem"), {}, HELD)
    assert other is not None
    assert other.ca_file == "/other.pem"


@pytest.mark.parametrize("host", ["other.example", "http://field.example", "https://field.example:8443"])
def test_a_token_goes_only_to_where_its_login_was_made(host: str) -> None:
    with pytest.raises(Unclear, match="isthmus login --host"):
        target.resolve(Chosen(host=host), {}, HELD)
    with pytest.raises(Unclear):
        target.resolve(Chosen(host=host, profile="field"), {}, HELD)


@pytest.mark.parametrize("host", ["ftp://a", "http://", "a b", "https://ann:secret@a", "a/?x=1", ""])
def test_what_is_no_address_is_said_to_be_none(host: str) -> None:
    with pytest.raises(Unclear, match="is no address"):
        target.address(host)


def test_an_unknown_profile_is_one_sentence() -> None:
    with pytest.raises(Unclear, match="there is no profile x; log in with"):
        target.resolve(Chosen(profile="x"), {}, HELD)


def test_only_loopback_may_go_without_encryption() -> None:
    urls = ("http://127.0.0.1:1", "http://localhost", "http://[::1]:1", "https://a.example", "http://a.example")
    assert [target.in_clear(url) for url in urls] == [False, False, False, False, True]


def test_neither_login_nor_target_shows_its_token() -> None:
    assert "t-field" not in repr(FIELD) + repr(HELD) + repr(target.resolve(NOTHING, {}, HELD))


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXT, st.builds(Profile, url=TEXT, username=TEXT, token=TEXT, expires_at=TEXT), max_size=3))
def test_the_file_gives_back_what_was_saved_and_only_its_owner_reads_it(
    tmp_path_factory: pytest.TempPathFactory, logins: dict[str, Profile]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        assert profiles.load() == Profiles()
        held = Profiles(current="x", profiles=logins)
        profiles.save(held)
        assert profiles.load() == held
        assert profiles.path().stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_may_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    profiles.save(HELD)
    profiles.path().chmod(0o644)
    with pytest.raises(profiles.BadFile, match="chmod 600"):
        profiles.load()


@pytest.mark.parametrize("text", ["current = ", "current = 1", "[profiles.a]\nurl = 1"])
def test_a_broken_file_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    profiles.save(HELD)
    profiles.path().write_text(text)
    with pytest.raises(profiles.BadFile, match=r"profiles\.toml"):
        profiles.load()


def test_a_login_becomes_current_and_its_end_leaves_this_machine() -> None:
    later = HELD.with_login("new", HOME)
    assert (later.current, later.profiles["new"]) == ("new", HOME)
    assert later.without("new") == Profiles(current="local", profiles=HELD.profiles)
    assert HELD.without("home").current == "field"
