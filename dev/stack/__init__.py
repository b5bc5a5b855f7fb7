"""The whole stack without containers: Airflow with Celery, PostgreSQL, Redis, an S3 store and the simulator.

========================  =========================================================
`dev.stack.settings`      which ports, secrets and folders are a stack's?
`dev.stack.processes`     how is a server started, watched, stopped and killed?
`dev.stack.servers`       PostgreSQL, Redis, object store and simulator
`dev.stack.airflow`       Airflow's environment and components
`dev.stack.api`           what is asked of Airflow's REST API
`dev.stack.cluster`       what is started after what?
`dev.stack.__main__`      the command line: ``python -m dev.stack up``
========================  =========================================================
"""
