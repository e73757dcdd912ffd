"""Prints what `litellm[proxy]` needs in this venv, as arguments for pip.

LiteLLM pins its own companions (litellm-proxy-extras, litellm-enterprise) to versions that PyPI does not
always have: of those the newest is taken. It also names litellm-proxy, which PyPI does not have at all;
the proxy itself is in the package litellm.
"""

from importlib.metadata import requires

from pip._vendor.packaging.requirements import Requirement

for requirement in map(Requirement, requires("litellm") or ()):
    marker = requirement.marker
    if marker is None or marker.evaluate({"extra": ""}) or not marker.evaluate({"extra": "proxy"}):
        continue  # pip has installed it already, or it is of another extra
    if requirement.name != "litellm-proxy":
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        version = "" if requirement.name.startswith("litellm-") else str(requirement.specifier)
        print(f"{requirement.name}{extras}{version}")
