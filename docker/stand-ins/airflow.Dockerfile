# Stands in for the image apache/airflow; see README.md.
ARG DEBIAN_IMAGE
FROM ${DEBIAN_IMAGE}

ARG AIRFLOW_VERSION
ARG PIP_INDEX_URL=
ENV AIRFLOW_VERSION=${AIRFLOW_VERSION} AIRFLOW_HOME=/opt/airflow PATH=/home/airflow/.local/bin:$PATH LANG=C.UTF-8

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl dumb-init libpq5 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 50000 --gid 0 --create-home airflow \
    && install --directory --owner=airflow --group=root --mode=775 /opt/airflow /opt/airflow/dags /opt/airflow/logs

COPY certificates.pem /etc/ssl/certs/ca-certificates.crt
COPY constraints.txt /tmp/
COPY airflow.entrypoint /entrypoint
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt

USER airflow
# The real image has the pins of what it holds at ~/constraints.txt, too.
RUN python3 -m venv /home/airflow/.local \
    && if [ -z "$PIP_INDEX_URL" ]; then unset PIP_INDEX_URL; fi \
    && pip install --quiet --no-cache-dir --disable-pip-version-check \
        "apache-airflow[amazon,async,celery,postgres,redis,s3fs]==$AIRFLOW_VERSION" --constraint /tmp/constraints.txt \
    && pip freeze >/home/airflow/constraints.txt
WORKDIR /opt/airflow
EXPOSE 8080
ENTRYPOINT ["/usr/bin/dumb-init", "--", "/entrypoint"]
