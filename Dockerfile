# The image of every vigie process: `docker compose up` builds it. What runs in it is said by docker-compose.yml.
#
# Python 3.11 is the version that the lock was made for and the tests run on.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock ./
# Every file that can be installed below was checked against its hash here. The lock also holds what development needs; of it
# only the wheels that vigie itself asks for are installed.
RUN pip download --no-cache-dir --only-binary :all: --require-hashes -r requirements.lock -d /wheels
COPY pyproject.toml ./
COPY console console
COPY detectors detectors
COPY models models
COPY pbx pbx
COPY policies policies
COPY recipes recipes
COPY streams streams
COPY vigie vigie
RUN python -m venv /opt/vigie \
    && /opt/vigie/bin/pip install --no-cache-dir --no-index --find-links /wheels .

FROM python:3.11-slim-bookworm
# VIGIE_HOME keeps the country database: a volume that is mounted there takes this directory's owner.
RUN useradd --system --no-create-home --uid 10001 vigie \
    && install -d -o vigie -g vigie /var/lib/vigie
COPY --from=build /opt/vigie /opt/vigie
ENV PATH=/opt/vigie/bin:$PATH VIGIE_HOME=/var/lib/vigie PYTHONUNBUFFERED=1
USER vigie
CMD ["vigie", "--help"]
