-- Two roles that read one table, and the queries of the warehouses that pipelines run on. fedesk changes nothing in
-- Snowflake: its executor may no more than people do, under a name of its own, so that logs tell them apart.

use role SECURITYADMIN;
create role if not exists FEDESK_READER;
create role if not exists FEDESK_EXECUTOR;
grant role FEDESK_READER to role FEDESK_EXECUTOR;

-- By who owns them.
grant usage on warehouse OPS_XS to role FEDESK_READER;
grant usage on database FINEDGE to role FEDESK_READER;
grant usage on schema FINEDGE.OPS to role FEDESK_READER;
grant select on table FINEDGE.OPS.PIPELINE_RUNS to role FEDESK_READER;

-- What `fedesk trace` finds by query tag; it also shows the text of those queries, which fedesk does not ask for.
grant monitor on warehouse ETL_L to role FEDESK_READER;

-- Users without a password: a key pair each. People come with their own user and the role.
create user if not exists FEDESK_EXECUTOR type = service
  rsa_public_key = 'MII…' default_role = FEDESK_EXECUTOR default_warehouse = OPS_XS;
grant role FEDESK_EXECUTOR to user FEDESK_EXECUTOR;
grant role FEDESK_READER to user MARA;
