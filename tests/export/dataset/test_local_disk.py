from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_convexport.export.dataset.local_disk import create


def test_a_folder_that_another_attempt_prunes_while_it_is_made_is_made_again(tmp_path, monkeypatch):
    """``mkdir`` finds the folder, and then does not find it when it looks whether that is a folder."""
    file = tmp_path / "staging" / "segments"
    file.parent.mkdir()
    is_dir, looks = Path.is_dir, []

    def pruned_before_the_look(path, **options):
        if path == file.parent and not looks:
            looks.append(path)
            path.rmdir()
        return is_dir(path, **options)

    monkeypatch.setattr(Path, "is_dir", pruned_before_the_look)
    create(file, lambda: file.write_bytes(b"1"), url="file:///staging")

    assert looks
    assert file.read_bytes() == b"1"


def test_a_file_in_the_way_of_a_folder_stays_and_is_an_error(tmp_path):
    (tmp_path / "staging").write_bytes(b"somebody's")

    with pytest.raises(FileExistsError):
        create(tmp_path / "staging" / "segments", lambda: None, url="file:///staging")

    assert (tmp_path / "staging").read_bytes() == b"somebody's"
