SELECT count(*), max(total) FROM (SELECT person, sum(amount) AS total FROM visits GROUP BY person) AS people;
