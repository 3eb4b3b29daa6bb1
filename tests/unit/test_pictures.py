"""The pictures in the README are there, are small, say in words what they show, and are made by a test in a browser."""

from __future__ import annotations

import ast
import re

from tests.documents import ROOT, text

FOLDER = ROOT / "docs" / "screenshots"
MAKER = ROOT / "tests" / "browser" / "test_pictures.py"
LARGEST = 80_000  # bytes: all of them are fetched with the page that shows the README
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def made() -> set[str]:
    """Collect the names of the pictures that the test takes: `picture(page, "name")`."""
    calls = (node for node in ast.walk(ast.parse(text(MAKER))) if isinstance(node, ast.Call))
    taken = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "picture")
    return {f"{ast.literal_eval(call.args[1])}.png" for call in taken}


def shown() -> list[tuple[str, str]]:
    """Give alternative text and path of each picture in the README."""
    return re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text(ROOT / "README.md"))


def test_each_picture_of_the_readme_is_there_and_is_made_by_a_test() -> None:
    assert shown(), "the README shows the page"
    for _words, path in shown():
        folder, _, name = path.rpartition("/")
        assert ROOT / folder == FOLDER
        assert name in made()
        assert (FOLDER / name).is_file(), "make it with `python3 dev.py browser -k pictures --screenshots`"


def test_each_picture_says_in_words_what_it_shows() -> None:
    for words, path in shown():
        assert len(words.split()) >= 8, f"{path} says only: {words}"


def test_the_folder_holds_what_is_made_and_nothing_else_and_all_of_it_is_small() -> None:
    pictures = {path.name: path.read_bytes() for path in FOLDER.iterdir()}

    assert set(pictures) == made()
    assert all(content.startswith(SIGNATURE) for content in pictures.values())
    assert {name: len(content) for name, content in pictures.items() if len(content) >= LARGEST} == {}
