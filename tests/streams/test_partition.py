import pytest

from streams.partition import murmur2, partition_of

# The vectors of Kafka's own UtilsTest: whoever agrees with them puts a tenant where Kafka's Java client puts it.
VECTORS = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize("text", VECTORS)
def test_murmur2_is_that_of_the_java_client(text: str) -> None:
    value = murmur2(text.encode())
    assert (value - 2**32 if value >= 2**31 else value) == VECTORS[text]


def test_a_tenant_has_one_partition_whatever_its_name() -> None:
    names = ["", "acme", "société-éà", "a" * 500, *(f"tenant-{n}" for n in range(1000))]
    found = [partition_of(name) for name in names]
    assert found == [partition_of(name) for name in names]
    assert set(found) == set(range(8))
