-- About 300 MB: more than twice the shared_buffers of a fresh server.
CREATE TABLE visits (id bigint PRIMARY KEY, person int, at timestamptz, amount numeric(10, 2), note text);
INSERT INTO visits
SELECT id, (id * 7919) % 20000, timestamptz '2026-01-01' + id * interval '7 seconds', (id * 37) % 10000 / 100.0,
       repeat(md5(id::text), 3)
FROM generate_series(1, 1500000::bigint) AS id;
CREATE TABLE counters (person int PRIMARY KEY, visits bigint NOT NULL, changed timestamptz NOT NULL);
INSERT INTO counters SELECT person, 0, now() FROM generate_series(0, 19999) AS person;
CREATE INDEX visits_person ON visits (person);
VACUUM ANALYZE;
