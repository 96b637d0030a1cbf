from agent.counter import own_catalogue
from common.catalogue import DEFAULT, load


def test_a_station_shows_the_services_of_its_city(tmp_path):
    own = tmp_path / "catalogue.toml"
    own.write_text(DEFAULT.read_text(encoding="utf-8").replace("请带", "请您带").replace('"2026.3"', '"sjz.1"'))
    assert own_catalogue(own) == load(own) != load()
    assert own_catalogue(None) == load()


def test_a_catalogue_with_mistakes_keeps_no_station_from_starting_and_every_one_is_in_the_log(tmp_path, caplog):
    own = tmp_path / "catalogue.toml"
    own.write_text(DEFAULT.read_text(encoding="utf-8").replace("about_en = ", "about = "))
    assert own_catalogue(own) == load()
    for word in ("service[0].about", "service[18].about_en", "mend it"):
        assert word in caplog.text
    assert own_catalogue(tmp_path / "gone.toml") == load()
    assert "gone.toml" in caplog.text
