"""Many files in one call, several at once; fsspec's own methods take one after the other.

Which files go where is left to fsspec: its method runs on a stand-in that only notes what it would do to each file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.spec import AbstractFileSystem

from s3cse.filesystem.parallel import all_results, outcomes

_Call = tuple[tuple[Any, ...], dict[str, Any]]


class _Noting:
    """A filesystem whose method for one file notes its arguments."""

    def __init__(self, filesystem: Any, method: str) -> None:
        self._filesystem = filesystem
        self._method = method
        self.calls: list[_Call] = []

    def __getattr__(self, name: str) -> Any:
        return self._note if name == self._method else getattr(self._filesystem, name)

    def _note(self, *arguments: Any, **named: Any) -> None:
        self.calls.append((arguments, named))


def noted(method: Callable[..., Any], filesystem: Any, of_one_file: str, *arguments: Any, **named: Any) -> list[_Call]:
    """Return what one of fsspec's methods would call for each file."""
    noting = _Noting(filesystem, of_one_file)
    method(noting, *arguments, **named)
    return noting.calls


class BulkOperations(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """cat, cat_ranges, pipe, get, put and copy of many files."""

    def cat(self, path: Any, recursive: bool = False, on_error: str = "raise", **kwargs: Any) -> Any:
        """Return the plaintext of a file, or of many by their paths; folders have none. See fsspec."""
        paths = self.expand_path(path, recursive=recursive)
        if len(paths) == 1 and not isinstance(path, list) and paths[0] == self._strip_protocol(path):
            return self.cat_file(paths[0], **kwargs)
        found: dict[str, Any] = {}
        folders = {each.rpartition("/")[0] for each in paths}
        work = [partial(self.cat_file, each, **kwargs) for each in paths]
        for each, outcome in zip(paths, outcomes(work), strict=True):
            if isinstance(outcome, FileNotFoundError) and recursive and each in folders:
                continue
            if not isinstance(outcome, Exception) or on_error == "return":
                found[each] = outcome
            elif on_error == "raise":
                raise outcome
        return found

    def pipe(self, path: Any, value: Any = None, **kwargs: Any) -> None:
        """Write bytes to one path, or to each of a dictionary; see fsspec."""
        values: Mapping[str, Any] = {self._strip_protocol(path): value} if isinstance(path, str) else path
        all_results([partial(self.pipe_file, self._strip_protocol(k), v, **kwargs) for k, v in values.items()])

    def get(
        self,
        rpath: Any,
        lpath: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Download files and folders; see fsspec."""
        calls = noted(AbstractFileSystem.get, self, "get_file", rpath, lpath, recursive=recursive, maxdepth=maxdepth)
        _run(partial(self.get_file, **kwargs), calls, callback)

    def put(
        self,
        lpath: Any,
        rpath: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Upload files and folders; see fsspec."""
        calls = noted(AbstractFileSystem.put, self, "put_file", lpath, rpath, recursive=recursive, maxdepth=maxdepth)
        _run(partial(self.put_file, **kwargs), calls, callback)

    def copy(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        on_error: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Let S3 copy files and folders; see fsspec. What is missing is an error unless ``recursive``, as there."""
        ignore = on_error == "ignore" or (on_error is None and recursive)
        calls = noted(AbstractFileSystem.copy, self, "cp_file", path1, path2, recursive=recursive, maxdepth=maxdepth)
        work = [partial(self.cp_file, *arguments, **kwargs) for arguments, _ in calls]
        for (arguments, _), outcome in zip(calls, outcomes(work), strict=True):
            if isinstance(outcome, FileNotFoundError) and (ignore or self.isdir(arguments[0])):
                continue
            if isinstance(outcome, Exception):
                raise outcome

    def mv(self, path1: Any, path2: Any, recursive: bool = False, maxdepth: int | None = None, **kwargs: Any) -> None:
        """Copy, then delete what was copied; whatever could not be copied is an error, and nothing is deleted."""
        if path1 != path2:
            self.copy(path1, path2, recursive=recursive, maxdepth=maxdepth, on_error="raise", **kwargs)
            self.rm(path1, recursive=recursive, maxdepth=maxdepth)


def _run(method: Callable[..., Any], calls: Sequence[_Call], callback: Any) -> None:
    """Do to each file what was noted; the callback hears of each that is done, and its children of the bytes."""

    def one(source: str, target: str) -> None:
        with callback.branched(source, target) as child:
            method(source, target, callback=child)

    callback.set_size(len(calls))
    for outcome in outcomes([partial(one, *arguments) for arguments, _ in calls]):
        if isinstance(outcome, Exception):
            raise outcome
        callback.relative_update(1)
