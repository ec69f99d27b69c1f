"""For nbval: progress bars go to stderr, which is no result to compare."""


def pytest_collectstart(collector):
    """Leave stderr and pictures out of the comparison."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr", "image/png")
