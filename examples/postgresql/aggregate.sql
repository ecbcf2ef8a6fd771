SELECT count(*), max(total) FROM (SELECT person, sum(amount) AS total, count(*) FROM visits GROUP BY person) AS people;
