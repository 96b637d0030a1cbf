"""The rooms' import names are plain words: nothing installed beside us may use one of them."""

import importlib.metadata
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_no_other_distribution_provides_a_top_level_name_of_ours():
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    ours = set(project["tool"]["importlinter"]["root_packages"])
    installed = importlib.metadata.packages_distributions()
    others = {name: set(installed.get(name, ())) - {project["project"]["name"]} for name in ours}
    assert others == {name: set() for name in ours}
