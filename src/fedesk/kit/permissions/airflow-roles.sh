#!/bin/sh
# Roles for the FAB auth manager of Airflow 3: fedesk-reader for people, fedesk-executor for the executor.
# Run where `airflow` is configured, as often as wanted: what is there already stays. Then give each user its role:
#   airflow users create --role fedesk-reader --username mara …
#
# The simple auth manager knows four fixed roles (core.simple_auth_manager_users = "mara:viewer,fedesk-executor:user"):
#   viewer  reads everything fedesk reads: the role of people
#   user    also clears tasks and triggers runs, of every DAG: the least that the executor can have there
#   op      also connections, pools, variables: nobody that fedesk knows needs it
#   admin   everything
# It cannot be narrowed to DAGs, so that an executor for one tag among others wants the FAB auth manager.
set -eu

airflow roles create fedesk-reader fedesk-executor

# What fedesk reads. Audit Logs settle an answer that was lost; DAG Versions say by which version a run would go on.
airflow roles add-perms fedesk-reader fedesk-executor -a can_read -r \
    DAGs "DAG Runs" "DAG Versions" "Task Instances" "Task Logs" ImportError Assets "Asset Aliases" "Audit Logs"

# To clear tasks Airflow asks for "edit" on the DAG, on its runs and on its task instances, for the dry run as well.
# "DAGs" may be narrowed to "DAG:payments_daily" and so on; the other two are of all DAGs, which one may edit.
airflow roles add-perms fedesk-executor -a can_edit -r DAGs "DAG Runs" "Task Instances"
