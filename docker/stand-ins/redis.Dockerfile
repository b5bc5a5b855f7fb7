# Stands in for the image redis; see README.md.
ARG DEBIAN_IMAGE
FROM ${DEBIAN_IMAGE}

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=redis --group=redis /data

USER redis
WORKDIR /data
VOLUME /data
CMD ["redis-server"]
