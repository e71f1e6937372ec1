-- What PostgreSQL does for fedesk in one round trip each, and what it lets nobody do.
-- Run in the schema `fedesk`: before the tables, after them, and the last part again with each migration.
-- SQLSTATEs of fedesk's own: FD001 not claimable, FD002 reserved by another, FD003 lease lost,
-- FD004 an entry of the journal that is not the next.

-- part: before tables

-- convert_from is only STABLE because conversions can be replaced; UTF-8 to text never changes.
CREATE FUNCTION field(record bytea, VARIADIC path text[]) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT convert_from(record, 'UTF8')::json #>> path $$;

-- part: columns

-- What people's roles may insert without these columns (grants are by column).
ALTER TABLE operations ALTER COLUMN stage SET DEFAULT 'confirmed';
ALTER TABLE operations ALTER COLUMN said SET DEFAULT '';
ALTER TABLE operations ALTER COLUMN fence SET DEFAULT 0;
ALTER TABLE fedesk_schema ADD COLUMN profile text NOT NULL DEFAULT 'advisory'
  CHECK (profile IN ('advisory', 'enforced'));

-- part: after tables

CREATE FUNCTION moment(at timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

-- to_json escapes as RFC 8785 does: two-character escapes, \u00xx in lower case, all else as it is.
CREATE FUNCTION quoted(value text) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT to_json(value)::text $$;

-- Who the session is: the principal behind its login role, or the role's name. `SET ROLE` does not change it.
CREATE FUNCTION author() RETURNS text
LANGUAGE sql STABLE SET search_path = fedesk, pg_temp
AS $$ SELECT coalesce((SELECT principal FROM people WHERE role = session_user), session_user) $$;

-- Put one record at the end of the audit log, and give its number. Number and previous hash come from the head,
-- the author from the session: whatever the draft says of them is dropped. What every reader must be able to
-- read (phase, time, pid) is checked; what a session may set (how strings are read, where names are looked
-- up) is set for the function.
CREATE FUNCTION append(draft json) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = fedesk, pg_temp SET standard_conforming_strings = on
AS $$
DECLARE
  head audit_head;
  pid text := draft #>> '{actor,pid}';
  raw bytea;
  digest bytea;
BEGIN
  IF (draft ->> 'phase' IN (
    'intent', 'outcome', 'settlement', 'refusal', 'approval', 'rejection', 'override', 'break-glass',
    'review', 'access', 'export', 'configuration', 'start', 'stop'
  ) AND pid ~ '^-?[0-9]{1,20}$'
    AND draft ->> 'time' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z$'
    AND moment((draft ->> 'time')::timestamptz) = draft ->> 'time') IS NOT TRUE THEN
    RAISE EXCEPTION 'a record has a phase of the list, a process that is a number, a time in UTC with microseconds'
      USING ERRCODE = 'check_violation';
  END IF;
  IF draft ->> 'phase' IN ('intent', 'outcome', 'settlement')
     AND (SELECT profile FROM fedesk_schema) = 'enforced'
     AND NOT pg_has_role(session_user, 'fedesk_executor', 'MEMBER') THEN
    RAISE EXCEPTION 'only the executor records what was done' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT * INTO head FROM audit_head WHERE id = 1 FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the audit log has lost its head' USING ERRCODE = 'no_data_found';
  END IF;
  raw := convert_to(
    '{"action":' || quoted(draft ->> 'action')
    || ',"actor":{"host":' || quoted(draft #>> '{actor,host}')
    || ',"known_by":' || quoted('database role ' || session_user)
    || ',"person":' || quoted(author())
    || ',"pid":' || CASE WHEN pid ~ '^(0|[1-9][0-9]{0,14})$' THEN pid ELSE quoted(pid) END
    || '},"environment":' || quoted(draft ->> 'environment')
    || ',"links":[' || coalesce(
         (SELECT string_agg(quoted(one), ',' ORDER BY place)
          FROM json_array_elements_text(draft -> 'links') WITH ORDINALITY AS links (one, place)), '')
    || '],"operation":' || quoted(draft ->> 'operation')
    || ',"phase":' || quoted(draft ->> 'phase')
    || ',"plan_digest":' || quoted(draft ->> 'plan_digest')
    || ',"reason":' || quoted(draft ->> 'reason')
    || ',"result":' || quoted(draft ->> 'result')
    || ',"seq":' || (head.seq + 1)
    || ',"target":' || quoted(draft ->> 'target')
    || ',"time":' || quoted(draft ->> 'time')
    || ',"v":1}', 'UTF8');
  -- Every field as long as fedesk keeps it, each character an escape, is less.
  IF octet_length(raw) > 1048576 THEN
    RAISE EXCEPTION 'a record has a mebibyte at most' USING ERRCODE = 'check_violation';
  END IF;
  digest := sha256(head.hash || raw);
  INSERT INTO audit (seq, record, hash) VALUES (head.seq + 1, raw, digest);
  UPDATE audit_head SET seq = head.seq + 1, hash = digest WHERE id = 1;
  RETURN head.seq + 1;
END $$;
REVOKE ALL ON FUNCTION append(json) FROM PUBLIC;

-- An operation with its journal, as one document; bytes are hexadecimal.
CREATE FUNCTION whole(which text) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object(
    'operation', to_json(operations),
    'journal', (SELECT coalesce(json_agg(journal ORDER BY number), '[]') FROM journal WHERE operation = which)
  )
  FROM operations WHERE operation = which
$$;

-- Append to a journal. A server that hung may come to a statement after another has done the same: an entry
-- that says its number is written as that one or not at all.
CREATE FUNCTION note(which text, entries json) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  last bigint := (SELECT coalesce(max(number), 0) FROM journal WHERE operation = which);
BEGIN
  IF EXISTS (
    SELECT FROM json_array_elements(entries) WITH ORDINALITY AS given (one, place)
    WHERE (one ->> 'number')::bigint NOT IN (0, last + place)
  ) THEN
    RAISE EXCEPTION 'the journal goes on elsewhere' USING ERRCODE = 'FD004';
  END IF;
  INSERT INTO journal (operation, number, at, step, state, said, reference, evidence)
  SELECT
    which, last + place,
    one ->> 'at', one ->> 'step', one ->> 'state', one ->> 'said', one ->> 'reference',
    convert_to(one ->> 'evidence', 'UTF8')
  FROM json_array_elements(entries) WITH ORDINALITY AS given (one, place);
END $$;

-- Whether a lease is still the newest one; the row stays locked for what is written under it.
CREATE FUNCTION held(which text, which_fence bigint) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM FROM operations
  WHERE operation = which AND fence = which_fence AND lease_until IS NOT NULL FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the lease is lost' USING ERRCODE = 'FD003';
  END IF;
END $$;

CREATE FUNCTION recorded(which text, draft json) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  seq bigint := append(draft);
BEGIN
  IF draft ->> 'phase' = 'intent' THEN
    UPDATE operations SET audit_intent = seq WHERE operation = which;
  END IF;
  RETURN seq;
END $$;

-- Take the lease of an operation, and its reservations; the document is the operation as it stands then.
CREATE FUNCTION claim(
  which text, owner json, dead json, lasts interval, is_reserving boolean, entries json
) RETURNS json
LANGUAGE plpgsql
AS $$
DECLARE
  standing operations;
BEGIN
  SELECT * INTO standing FROM operations WHERE operation = which FOR UPDATE;
  IF NOT FOUND OR (standing.stage = 'ended' AND standing.outcome <> 'unknown') THEN
    RAISE EXCEPTION 'it is not waiting' USING ERRCODE = 'FD001';
  END IF;
  IF NOT (standing.lease_until IS NULL AND dead IS NULL)
     AND (standing.owner_host, standing.owner_boot, standing.owner_pid, standing.owner_started)
         IS DISTINCT FROM (dead ->> 'host', dead ->> 'boot', (dead ->> 'pid')::bigint, dead ->> 'started') THEN
    RAISE EXCEPTION 'it was claimed' USING ERRCODE = 'FD001';
  END IF;
  IF is_reserving THEN
    BEGIN
      -- In one order everywhere: two who want the same names wait for each other once, and not in a circle.
      INSERT INTO reservations (reserve, operation)
      SELECT reserve, operation FROM operation_reserves AS wanted
      WHERE operation = which AND NOT EXISTS (
        SELECT FROM reservations AS taken WHERE taken.reserve = wanted.reserve AND taken.operation = which
      )
      ORDER BY reserve;
    EXCEPTION WHEN unique_violation THEN
      RAISE EXCEPTION 'it is reserved' USING ERRCODE = 'FD002';
    END;
  END IF;
  -- A statement is used once: by which an operation was begun, no other one ever is.
  INSERT INTO used_nonces (nonce, operation)
  SELECT nonce, operation FROM approvals AS brought
  WHERE operation = which AND NOT EXISTS (
    SELECT FROM used_nonces AS used WHERE used.nonce = brought.nonce AND used.operation = which
  );
  UPDATE operations SET
    stage = CASE WHEN stage = 'confirmed' THEN 'running' ELSE stage END,
    owner_host = owner ->> 'host', owner_boot = owner ->> 'boot',
    owner_pid = (owner ->> 'pid')::bigint, owner_started = owner ->> 'started',
    lease_until = moment(clock_timestamp() + lasts), fence = fence + 1
  WHERE operation = which;
  PERFORM note(which, entries);
  RETURN whole(which);
END $$;

-- Append to the journal under a lease, and one audit record with it; gives the record's number.
CREATE FUNCTION write(which text, which_fence bigint, entries json, draft json) RETURNS bigint
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM held(which, which_fence);
  PERFORM note(which, entries);
  RETURN CASE WHEN draft IS NULL THEN NULL ELSE recorded(which, draft) END;
END $$;

-- The same, and the operation has ended; an unknown one keeps its reservations.
CREATE FUNCTION finish(
  which text, which_fence bigint, entries json, draft json, how text, words text, at text
) RETURNS json
LANGUAGE plpgsql
AS $$
DECLARE
  seq bigint;
BEGIN
  PERFORM held(which, which_fence);
  PERFORM note(which, entries);
  seq := recorded(which, draft);
  UPDATE operations SET
    stage = 'ended', outcome = how, said = words, ended_at = at, lease_until = NULL, audit_outcome = seq
  WHERE operation = which;
  IF how <> 'unknown' THEN
    DELETE FROM reservations WHERE operation = which;
  END IF;
  RETURN whole(which);
END $$;

CREATE FUNCTION refuse() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only appended to' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION check_order() RETURNS trigger
LANGUAGE plpgsql SET search_path = fedesk, pg_temp
AS $$
BEGIN
  IF NEW.seq IS DISTINCT FROM
     (CASE TG_TABLE_NAME WHEN 'audit' THEN (SELECT seq + 1 FROM audit_head) ELSE OLD.seq + 1 END) THEN
    RAISE EXCEPTION 'the audit log is only appended to' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse();
CREATE TRIGGER audit_in_order BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION check_order();
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON audit_head FOR EACH STATEMENT EXECUTE FUNCTION refuse();
CREATE TRIGGER audit_head_in_order BEFORE UPDATE ON audit_head FOR EACH ROW EXECUTE FUNCTION check_order();

-- Nobody writes in another's name, but who looks after the database: a copy brings what others wrote.
CREATE FUNCTION check_author() RETURNS trigger
LANGUAGE plpgsql SET search_path = fedesk, pg_temp SET standard_conforming_strings = on
AS $$
DECLARE
  said text;
BEGIN
  IF TG_TABLE_NAME = 'operations' THEN
    said := convert_from(NEW.confirmation, 'UTF8')::json ->> 'by';
  ELSE
    said := to_json(NEW) ->> TG_ARGV[0];
  END IF;
  -- What nobody decided in time, whoever runs the operation writes down in nobody's name.
  IF said = '' AND TG_TABLE_NAME = 'decisions' AND (
    (SELECT profile FROM fedesk_schema) <> 'enforced' OR pg_has_role(session_user, 'fedesk_executor', 'MEMBER')
  ) THEN
    RETURN NEW;
  END IF;
  IF said IS DISTINCT FROM author()
     AND NOT pg_has_role(session_user, (SELECT nspowner FROM pg_namespace WHERE nspname = 'fedesk'), 'MEMBER') THEN
    RAISE EXCEPTION 'it knows you as %, and your desk says % (identity.principal, or `fedesk store person`)',
      author(), said USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF OLD.closed_at IS NOT NULL THEN
      RAISE EXCEPTION 'what was closed stays as it is' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER operations_by_author BEFORE INSERT ON operations FOR EACH ROW EXECUTE FUNCTION check_author();
CREATE TRIGGER decisions_by_author BEFORE INSERT ON decisions FOR EACH ROW EXECUTE FUNCTION check_author('by');
CREATE TRIGGER incidents_by_author BEFORE INSERT ON incidents
  FOR EACH ROW EXECUTE FUNCTION check_author('opened_by');
CREATE TRIGGER incidents_closed_by_author BEFORE UPDATE ON incidents
  FOR EACH ROW EXECUTE FUNCTION check_author('closed_by');
CREATE TRIGGER incident_notes_by_author BEFORE INSERT ON incident_notes
  FOR EACH ROW EXECUTE FUNCTION check_author('by');
CREATE TRIGGER approvals_by_author BEFORE INSERT ON approvals
  FOR EACH ROW EXECUTE FUNCTION check_author('brought_by');
CREATE TRIGGER windows_by_author BEFORE INSERT ON windows
  FOR EACH ROW EXECUTE FUNCTION check_author('opened_by');
CREATE TRIGGER windows_closed_by_author BEFORE UPDATE ON windows
  FOR EACH ROW EXECUTE FUNCTION check_author('closed_by');
CREATE TRIGGER release_stops_by_author BEFORE INSERT ON release_stops
  FOR EACH ROW EXECUTE FUNCTION check_author('by');
CREATE TRIGGER release_stops_closed_by_author BEFORE UPDATE ON release_stops
  FOR EACH ROW EXECUTE FUNCTION check_author('closed_by');
CREATE TRIGGER marks_by_author BEFORE INSERT ON marks FOR EACH ROW EXECUTE FUNCTION check_author('by');
CREATE TRIGGER reviews_by_author BEFORE INSERT ON reviews FOR EACH ROW EXECUTE FUNCTION check_author('by');

-- What was done past the rules is looked at by somebody else than who did it.
CREATE FUNCTION check_reviewer() RETURNS trigger
LANGUAGE plpgsql SET search_path = fedesk, pg_temp SET standard_conforming_strings = on
AS $$
DECLARE
  who text := to_json(NEW) ->> 'by';
BEGIN
  IF NOT EXISTS (
    SELECT FROM audit
    WHERE seq = NEW.reviewed AND (phase = 'break-glass' OR action = 'review-wanted')
      AND person IS DISTINCT FROM who
  ) THEN
    RAISE EXCEPTION 'record % is not one that % reviews', NEW.reviewed, who
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER reviews_by_another BEFORE INSERT ON reviews FOR EACH ROW EXECUTE FUNCTION check_reviewer();

-- Who follows is woken; what is told at once is one notification a transaction.
CREATE FUNCTION tell() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM pg_notify('fedesk', '');
  RETURN NULL;
END $$;

CREATE TRIGGER operations_told AFTER INSERT OR UPDATE ON operations FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER journal_told AFTER INSERT ON journal FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER audit_told AFTER INSERT ON audit FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER decisions_told AFTER INSERT ON decisions FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER incidents_told AFTER INSERT OR UPDATE ON incidents FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER incident_notes_told AFTER INSERT ON incident_notes FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER approvals_told AFTER INSERT ON approvals FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER windows_told AFTER INSERT OR UPDATE ON windows FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER release_stops_told AFTER INSERT OR UPDATE ON release_stops
  FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER marks_told AFTER INSERT ON marks FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER reviews_told AFTER INSERT ON reviews FOR EACH STATEMENT EXECUTE FUNCTION tell();
