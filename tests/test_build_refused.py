"""`gantutor build` refuses wrong sources, and folders where it would overwrite something."""

import nbformat
import pytest
from one_lesson import ANSWER, ANSWER_META, CHECK_META, code, known, lesson, put

from gantutor.course import versions


@pytest.fixture(autouse=True)
def exercises(monkeypatch):
    """The two exercises of `one_lesson`."""
    known(monkeypatch)


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            (
                [(3, code(ANSWER.replace("### END SOLUTION", ""), "a", **ANSWER_META))],
                "cell 'a': ### BEGIN SOLUTION without ### END",
            ),
            (
                [(3, code(ANSWER.replace("### BEGIN SOLUTION", ""), "a", **ANSWER_META))],
                "cell 'a': ### END SOLUTION without ### BEGIN",
            ),
            (
                [
                    (
                        3,
                        code(
                            ANSWER.replace("y = 2", "### BEGIN SOLUTION\n        y = 2"),
                            "a",
                            **ANSWER_META,
                        ),
                    )
                ],
                "cell 'a': ### BEGIN SOLUTION twice",
            ),
            (
                [(3, code(versions.stub(ANSWER), "a", **ANSWER_META))],
                "cell 'a': an answer cell without a solution",
            ),
            (
                [(3, code(ANSWER, "a"))],
                "cell 'a': ### BEGIN SOLUTION is in a cell that is not an answer cell",
            ),
            (
                [(5, nbformat.v4.new_markdown_cell("Write BEGIN SOLUTION\nEND SOLUTION", id="m"))],
                "cell 'm': ### BEGIN SOLUTION is in a cell",
            ),
            ([(3, None)], "cell 'ex-twice-check': the answer cell of 'toy.twice' is missing"),
            ([(4, None)], "cell 'ex-twice-answer': nothing checks this answer"),
            (
                [(4, code('check("plane.nonsense", twice)', "c"))],
                "cell 'c': a check without an exercise: exercise 'plane.nonsense' is unknown",
            ),
            (
                [(5, code('check("toy.twice", twice)', "again"))],
                "cell 'again': the answer cell of 'toy.twice' is missing",
            ),
            (
                [(5, code("1", "again", **CHECK_META))],
                "cell 'again': grade_id 'twice-check' is used twice",
            ),
        ],
    )
    def test_one_sentence_names_notebook_and_cell(self, changes, words, tmp_path):
        source = put(tmp_path / "in", lesson(*changes))
        with pytest.raises(ValueError, match="^99_own.ipynb, ") as caught:
            versions.build([source], tmp_path / "out", list(versions.VERSIONS))
        assert words in str(caught.value) and "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists()

    def test_what_is_no_notebook(self, tmp_path):
        (tmp_path / "broken.ipynb").write_text('{"cells": [')
        with pytest.raises(ValueError, match="broken.ipynb is not an intact notebook"):
            versions.build([tmp_path / "broken.ipynb"], tmp_path / "out", ["student"])

    def test_a_source_is_never_overwritten(self, tmp_path):
        source = put(tmp_path / "student", lesson())
        before = source.read_bytes()
        with pytest.raises(ValueError, match="among the sources"):
            versions.build([source], tmp_path, ["student"])
        assert source.read_bytes() == before

    def test_among_the_courses_sources_only_the_student_versions_may_stand(self, tmp_path):
        source = put(tmp_path / "notebooks", lesson(), "01_plane")
        with pytest.raises(
            ValueError, match="the solution version of 01_plane.ipynb would be among the sources"
        ):
            versions.build([source], tmp_path / "notebooks", ["student", "solution"])
        assert not (tmp_path / "notebooks" / "student").exists(), (
            "nothing is written when something is refused"
        )
        assert versions.build([source], tmp_path / "notebooks", ["student"])["student"] == [
            tmp_path / "notebooks" / "student" / "01_plane.ipynb"
        ]

    def test_somebodys_work_is_never_overwritten(self, tmp_path):
        source = put(tmp_path / "in", lesson())
        (made,) = versions.build([source], tmp_path, ["student"])["student"]
        versions.build([source], tmp_path, ["student"])  # what nobody touched is built again
        nb = nbformat.read(made, as_version=4)
        nb.cells[1].execution_count = 1
        nbformat.write(nb, made)
        with pytest.raises(ValueError, match="somebody has worked in it"):
            versions.build([source], tmp_path, ["student"])
        assert nbformat.read(made, as_version=4).cells[1].execution_count == 1

    def test_two_sources_of_one_name(self, tmp_path):
        with pytest.raises(ValueError, match="two notebooks of one name"):
            versions.build(
                [put(tmp_path / "a", lesson()), put(tmp_path / "b", lesson())],
                tmp_path / "out",
                ["student"],
            )
