"""Rate limits: how often somebody may try something. Counted in Redis when there is one, else in this process.

A window is fixed: simple, bounded, and at its border lets at most twice the limit through, which is not what stops a guesser; the
length of the secret is.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from console.errors import ConsoleError

#: Keys kept in the process; beyond, windows that are over are swept out, and then the oldest.
MOST = 20_000


@dataclass(frozen=True)
class Limit:
    """So many times in so many seconds."""

    name: str
    times: int
    seconds: int


class TooOften(ConsoleError):
    """Somebody tried too often; ``wait_s`` until they may again."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many tries; again in {wait_s} s")
        self.wait_s = wait_s


#: A code has six digits and three are good at a time: ten tries a quarter of an hour need 8 months for an
#: even chance, and a password first.
SIGN_IN_LOGIN = Limit("sign-in-login", 10, 900)
SIGN_IN_ADDRESS = Limit("sign-in-address", 50, 900)
LINK = Limit("link", 30, 900)
REVEAL = Limit("reveal", 60, 3_600)
API = Limit("api", 600, 60)


class Limits:
    """Counts tries.

    Args:
        redis: URL of a Redis that all consoles share.
    """

    def __init__(self, redis: str | None = None) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self._redis = None
        if redis:
            import redis as client  # here, for 70 ms: most commands that come by need none

            self._redis = client.Redis.from_url(redis, socket_timeout=2, socket_connect_timeout=2)

    def count(self, limit: Limit, subject: str) -> None:
        """Count one try of a subject.

        Raises:
            TooOften: it is one too many.
        """
        window, into = divmod(int(time.time()), limit.seconds)
        tries = self._in_redis(limit, subject, window) if self._redis else self._here(limit, subject, window)
        if tries > limit.times:
            raise TooOften(limit.seconds - into)

    def _in_redis(self, limit: Limit, subject: str, window: int) -> int:
        import redis as client

        key = f"vigie:limit:{limit.name}:{subject}:{window}"
        try:
            assert self._redis is not None
            with self._redis.pipeline() as pipe:
                pipe.incr(key)
                pipe.expire(key, limit.seconds)
                tries, _ = pipe.execute()
        except client.RedisError:
            # A Redis that is away must neither lock everybody out nor let a guesser run free.
            return self._here(limit, subject, window)
        return int(tries)

    def _here(self, limit: Limit, subject: str, window: int) -> int:
        with self._lock:
            key = (limit.name, subject)
            before, tries = self._counts.pop(key, (window, 0))
            tries = tries + 1 if before == window else 1
            self._counts[key] = (window, tries)
            while len(self._counts) > MOST:
                del self._counts[next(iter(self._counts))]
            return tries
