"""What holds for the whole suite: how hypothesis looks for counter-examples."""

import os

from hypothesis import HealthCheck, settings

# Helpers are no tests; without this --doctest-modules would import them a second time under another name.
collect_ignore = ["support"]

settings.register_profile(
    "vigie",
    # A slow machine is not a counter-example: nothing in this suite asserts a duration.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # CI judges a commit, so the same commit must get the same answer; a developer's machine goes on searching.
    derandomize=bool(os.environ.get("CI")),
    # The blob reproduces a failure seen on another machine.
    print_blob=True,
)
settings.load_profile("vigie")
