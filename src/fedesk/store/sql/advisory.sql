-- The profile "advisory": people's desks run operations. What a person may write here is what a desk writes;
-- that a desk keeps fedesk's rules is not enforced. The audit log, and who wrote in it, is.
--
-- To be applied by the role that ran `fedesk store migrate`, as often as wanted:
--   fedesk store grants advisory | psql -v ON_ERROR_STOP=1 "host=db dbname=fedesk user=fedesk_owner"
-- A person's login role is let in with: GRANT fedesk_people TO mara;

BEGIN;
SET LOCAL search_path = fedesk, pg_temp;
SELECT pg_advisory_xact_lock(hashtext('fedesk store migrate'));

DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['fedesk_people', 'fedesk_executor'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    WHEN insufficient_privilege THEN
      IF to_regrole(role) IS NULL THEN
        RAISE EXCEPTION 'have somebody who may create roles run: CREATE ROLE % NOLOGIN', role;
      END IF;
    END;
  END LOOP;
END $$;

-- What was given before is taken back: what follows is all there is.
REVOKE ALL ON SCHEMA fedesk FROM PUBLIC, fedesk_people, fedesk_executor;
REVOKE ALL ON ALL TABLES IN SCHEMA fedesk FROM PUBLIC, fedesk_people, fedesk_executor;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA fedesk FROM PUBLIC, fedesk_people, fedesk_executor;

GRANT USAGE ON SCHEMA fedesk TO fedesk_people, fedesk_executor;
GRANT SELECT ON
  fedesk_schema, alembic_version, audit, audit_head, operations, operation_reserves, reservations, journal,
  decisions, incidents, incident_notes, anchors, people, approvals, used_nonces, windows, marks, outbox, leaders,
  reviews, release_stops
TO fedesk_people, fedesk_executor;

-- The one column that says whether somebody can write.
GRANT UPDATE (checks) ON fedesk_schema TO fedesk_people, fedesk_executor;

-- The audit log is appended to through this function alone; it says who they are.
GRANT EXECUTE ON FUNCTION append(json), author(), moment(timestamptz) TO fedesk_people, fedesk_executor;

-- Proposals, decisions, incidents, notes. A confirmed plan is nobody's to alter.
GRANT INSERT (operation, kind, environment, digest, plan, guards, confirmation, confirmed_at) ON operations
TO fedesk_people, fedesk_executor;
GRANT INSERT ON operation_reserves, decisions, incident_notes, approvals, marks, reviews
TO fedesk_people, fedesk_executor;
GRANT INSERT (incident, environment, title, opened_at, opened_by, opened_record, closed_by, summary),
  UPDATE (closed_at, closed_by, closed_record, summary) ON incidents
TO fedesk_people, fedesk_executor;

-- Running operations: leases, reservations, journal, outcomes; and where checkpoints went.
GRANT UPDATE (
  stage, outcome, said, ended_at, owner_host, owner_boot, owner_pid, owner_started, lease_until, fence,
  audit_intent, audit_outcome
) ON operations TO fedesk_people, fedesk_executor;
GRANT INSERT, DELETE ON reservations TO fedesk_people, fedesk_executor;
GRANT INSERT ON journal TO fedesk_people, fedesk_executor;
GRANT INSERT, UPDATE ON anchors TO fedesk_people, fedesk_executor;
GRANT INSERT ON used_nonces TO fedesk_people, fedesk_executor;
-- What may change when, and who was told what.
GRANT INSERT, UPDATE (closed_at, closed_by, closed_record, closed_why) ON windows TO fedesk_people, fedesk_executor;
GRANT INSERT, UPDATE (closed_at, closed_by, closed_record, closed_why) ON release_stops TO fedesk_people, fedesk_executor;
GRANT INSERT, UPDATE, DELETE ON outbox, leaders TO fedesk_people, fedesk_executor;
GRANT EXECUTE ON FUNCTION
  claim(text, json, json, interval, boolean, json), write(text, bigint, json, json),
  finish(text, bigint, json, json, text, text, text), whole(text), note(text, json), held(text, bigint),
  recorded(text, json)
TO fedesk_people, fedesk_executor;

-- A switch is on the record.
DO $$
BEGIN
  IF (SELECT profile FROM fedesk_schema) <> 'advisory' THEN
    UPDATE fedesk_schema SET profile = 'advisory';
    PERFORM append(json_build_object(
      'time', moment(clock_timestamp()),
      'actor', json_build_object('host', coalesce(host(inet_client_addr()), ''), 'pid', pg_backend_pid()),
      'environment', '', 'action', 'store-grants', 'target', current_database(), 'operation', '',
      'phase', 'configuration', 'plan_digest', '', 'reason', '', 'result', 'advisory', 'links', '[]'::json
    ));
  END IF;
END $$;
COMMIT;
