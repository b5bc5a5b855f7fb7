"""Starts a whole Airflow without containers, for development, demonstrations and tests.

============================  ======================================================================
`dev.cluster.cluster`         `Cluster`: starts and stops everything in the right order
`dev.cluster.backend`         `Backend`: what differs between the kinds of cluster
`dev.cluster.celery_backend`  Celery workers, PostgreSQL, Redis and an S3 store
`dev.cluster.sqlite_backend`  LocalExecutor, sqlite and a folder; needs only the package's own environment
`dev.cluster.airflow`         Airflow's environment, components, pools and command line
`dev.cluster.api`             requests to Airflow's REST API
`dev.cluster.servers`         PostgreSQL, Redis, object store and simulator as services
`dev.cluster.processes`       `Service`: one server process that is started, watched, stopped or killed
`dev.cluster.guard`           stops the services when the program that started them is gone
`dev.cluster.settings`        ports, secrets and folders of one cluster
`dev.cluster.__main__`        the command line: ``python -m dev.cluster up``
============================  ======================================================================
"""
