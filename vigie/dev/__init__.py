"""A broker, a Redis and every process of vigie on one machine, for development and tests. Nothing here serves production."""
