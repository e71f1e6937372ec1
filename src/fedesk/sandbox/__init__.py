"""Jenkins, Airflow, Vault and Snowflake on loopback, with one shared world."""
