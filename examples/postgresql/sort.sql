\set first random(1, 1400000)
SELECT max(place) FROM (
  SELECT row_number() OVER (ORDER BY amount, id) AS place FROM visits WHERE id BETWEEN :first AND :first + 60000
) AS sorted;
