"""Speed and memory, measured: `python -m bench`. The figures are in `docs/benchmarks.md`."""
