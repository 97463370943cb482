# Images of Orrery: `docker build --target server .` and `--target fleet`; docker-compose.yml uses both.
# What is built here is what `make install` installs.

FROM debian:12-slim AS build
WORKDIR /src
COPY tools/setup.sh tools/
RUN tools/setup.sh run
COPY . .
RUN make -s -j2 all web && make -s install DESTDIR=/out PREFIX=/usr

FROM debian:12-slim AS base
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends \
        ca-certificates curl libjansson4 libssl3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/orrery --shell /usr/sbin/nologin orrery \
 && install -d -m 700 -o orrery -g orrery /var/lib/orrery /handover

FROM base AS server
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends \
        libarchive13 libcivetweb1 libcurl4 libev4 libpq5 libseccomp2 libwebsockets17 libwebsockets-evlib-ev libzstd1 \
        postgresql-client-15 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/usr/bin/orreryd /usr/bin/
COPY --from=build /out/usr/share/orrery /usr/share/orrery
COPY docker/server.sh /usr/bin/orrery-server
USER orrery
VOLUME /var/lib/orrery
EXPOSE 8443 8444
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD curl -fsS -o /dev/null --cacert /var/lib/orrery/pki/server-ca.pem https://localhost:8443/readyz
ENTRYPOINT ["/usr/bin/orrery-server"]

FROM base AS fleet
COPY --from=build /out/usr/bin/orrery-fleet /usr/bin/
COPY docker/fleet.sh /usr/bin/orrery-demo-fleet
COPY tools/claim-fleet.sh /usr/bin/orrery-claim-fleet
USER orrery
VOLUME /var/lib/orrery
HEALTHCHECK --interval=30s --timeout=3s --start-period=60s CMD test -s /var/lib/orrery/ready
ENTRYPOINT ["/usr/bin/orrery-demo-fleet"]
