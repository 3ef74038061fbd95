"""What the reader of the Containerfile makes of its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.node.containerfile import Copy, NotUnderstood, Run, stages

TEXT = r"""
# A comment.
FROM debian:bookworm-slim AS build
ENV A=1 B="two words"
WORKDIR /src
RUN one \
    && two
COPY a b ./
COPY certs certs

FROM scratch
COPY --from=build /image /
USER 65532:65532
ENTRYPOINT ["certshim"]
"""
ENVIRONMENT = {"A": "1", "B": "two words"}


def test_each_stage_has_its_steps() -> None:
    build, last = stages(TEXT)

    assert (build.base, build.name, last.base, last.name) == ("debian:bookworm-slim", "build", "scratch", "")
    assert build.steps == [
        Run("one     && two", "/src", ENVIRONMENT),
        Copy(("a", "b"), "/src/"),
        Copy(("certs",), "/src/certs"),
    ]
    assert last.steps == [Copy(("/image",), "/", "build")]
    assert (last.user, last.entrypoint) == ("65532:65532", ("certshim",))


def test_an_unknown_instruction_is_told_with_its_line() -> None:
    with pytest.raises(NotUnderstood, match="line 2 of the Containerfile: HEALTHCHECK"):
        stages("FROM scratch\nHEALTHCHECK NONE\n")


def test_ours_is_understood_and_ends_without_root() -> None:
    """A number, so that `runAsNonRoot` can be checked without the image's passwd."""
    last = stages((Path(__file__).parents[2] / "Containerfile").read_text())[-1]

    assert (last.base, last.user, last.entrypoint) == ("scratch", "65532:65532", ("certshim",))
