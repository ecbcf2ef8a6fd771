\set person random(0, 19999)
\set id random(1, 1500000)
BEGIN;
UPDATE counters SET visits = visits + 1, changed = now() WHERE person = :person;
UPDATE visits SET amount = amount + 0.01 WHERE id = :id;
END;
