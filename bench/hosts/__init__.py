"""The same core in other hosts, measured side by side: `python -m bench.hosts`. The figures are in `docs/benchmarks.md`."""
