\set first random(1, 1300000)
SELECT count(*) FROM (
  SELECT id, row_number() OVER (ORDER BY amount, note) AS place FROM visits WHERE id BETWEEN :first AND :first + 200000
) AS sorted WHERE place % 1000 = 0;
