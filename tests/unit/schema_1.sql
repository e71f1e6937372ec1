CREATE TABLE fedesk_schema (
	number INTEGER NOT NULL, 
	made_by VARCHAR NOT NULL, 
	checks INTEGER NOT NULL
);
CREATE TABLE audit (
	seq INTEGER NOT NULL, 
	record BLOB NOT NULL CHECK (typeof(record) = 'blob'), 
	hash BLOB NOT NULL CHECK (length(hash) = 32), 
	time VARCHAR GENERATED ALWAYS AS (json_extract(CAST(record AS TEXT), '$.time')) VIRTUAL, 
	environment VARCHAR GENERATED ALWAYS AS (json_extract(CAST(record AS TEXT), '$.environment')) VIRTUAL, 
	action VARCHAR GENERATED ALWAYS AS (json_extract(CAST(record AS TEXT), '$.action')) VIRTUAL, 
	operation VARCHAR GENERATED ALWAYS AS (json_extract(CAST(record AS TEXT), '$.operation')) VIRTUAL, 
	phase VARCHAR GENERATED ALWAYS AS (json_extract(CAST(record AS TEXT), '$.phase')) VIRTUAL, 
	target VARCHAR GENERATED ALWAYS AS (json_extract(CAST(record AS TEXT), '$.target')) VIRTUAL, 
	person VARCHAR GENERATED ALWAYS AS (json_extract(CAST(record AS TEXT), '$.actor.person')) VIRTUAL, 
	PRIMARY KEY (seq)
);
CREATE INDEX audit_by_environment ON audit (environment);
CREATE INDEX audit_by_operation ON audit (operation);
CREATE UNIQUE INDEX audit_one_intent ON audit (operation) WHERE phase = 'intent' AND operation != '';
CREATE TABLE audit_head (
	id INTEGER NOT NULL CHECK (id = 1), 
	seq INTEGER NOT NULL, 
	hash BLOB NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_in_order BEFORE INSERT ON audit WHEN NEW.seq IS NOT (SELECT seq + 1 FROM audit_head) BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_head_in_order BEFORE UPDATE ON audit_head WHEN NEW.seq IS NOT OLD.seq + 1 BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TABLE operations (
	operation VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	environment VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	"plan" BLOB NOT NULL, 
	guards BLOB NOT NULL, 
	confirmation BLOB NOT NULL, 
	confirmed_at VARCHAR NOT NULL, 
	stage VARCHAR NOT NULL CHECK (stage IN ('confirmed', 'running', 'ended')), 
	outcome VARCHAR, 
	said VARCHAR NOT NULL, 
	ended_at VARCHAR, 
	owner_host VARCHAR, 
	owner_boot VARCHAR, 
	owner_pid INTEGER, 
	owner_started VARCHAR, 
	lease_until VARCHAR, 
	fence INTEGER NOT NULL, 
	audit_intent INTEGER, 
	audit_outcome INTEGER, 
	PRIMARY KEY (operation), 
	CONSTRAINT ended_with_outcome CHECK ((stage = 'ended') = (outcome IS NOT NULL)), 
	FOREIGN KEY(audit_intent) REFERENCES audit (seq), 
	FOREIGN KEY(audit_outcome) REFERENCES audit (seq)
);
CREATE INDEX operations_by_time ON operations (confirmed_at, operation);
CREATE INDEX operations_by_environment ON operations (environment, confirmed_at);
CREATE INDEX operations_by_stage ON operations (stage, outcome);
CREATE TABLE operation_reserves (
	operation VARCHAR NOT NULL, 
	reserve VARCHAR NOT NULL, 
	PRIMARY KEY (operation, reserve), 
	FOREIGN KEY(operation) REFERENCES operations (operation)
);
CREATE INDEX reserves_by_name ON operation_reserves (reserve);
CREATE TABLE reservations (
	reserve VARCHAR NOT NULL, 
	operation VARCHAR NOT NULL, 
	PRIMARY KEY (reserve), 
	FOREIGN KEY(operation) REFERENCES operations (operation)
);
CREATE INDEX reservations_by_operation ON reservations (operation);
CREATE TABLE journal (
	operation VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	at VARCHAR NOT NULL, 
	step VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	said VARCHAR NOT NULL, 
	reference VARCHAR NOT NULL, 
	evidence BLOB NOT NULL, 
	PRIMARY KEY (operation, number), 
	FOREIGN KEY(operation) REFERENCES operations (operation)
);
