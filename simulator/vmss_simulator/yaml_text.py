"""Documents as YAML that people can read and compare line by line."""

from __future__ import annotations

from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):  # type: ignore[misc]
    """Writes shared values in full: readers of scenarios refuse aliases."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def yaml_text(document: Any) -> str:
    """Return the document as YAML: keys in their order, short collections on one line."""
    text: str = yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=True,
        width=100,
    )
    return text
