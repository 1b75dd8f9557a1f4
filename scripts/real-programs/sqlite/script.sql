SELECT sqlite_version();
PRAGMA journal_mode = DELETE;
PRAGMA page_size;

CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, city TEXT);
CREATE TABLE product(id INTEGER PRIMARY KEY, name TEXT, price REAL CHECK (price > 0));
CREATE TABLE purchase(
  id INTEGER PRIMARY KEY,
  customer INTEGER REFERENCES customer(id) ON DELETE CASCADE,
  product INTEGER REFERENCES product(id),
  quantity INTEGER DEFAULT 1,
  day TEXT);
PRAGMA foreign_keys = ON;

BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO customer SELECT i, printf('customer %04d', i), substr('ParisOslo Rome Lima Bonn ', (i % 5) * 5 + 1, 5) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
INSERT INTO product SELECT i, 'product ' || i, round(0.5 + (i * 7919 % 1000) / 8.0, 2) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO purchase(customer, product, quantity, day)
SELECT 1 + i * 7907 % 500, 1 + i * 6551 % 100, 1 + i % 9, date('2024-01-01', '+' || (i % 366) || ' days') FROM n;
COMMIT;

CREATE INDEX purchase_customer ON purchase(customer, day);
CREATE INDEX purchase_product ON purchase(product);
ANALYZE;

-- joins, grouping, windows
SELECT c.city, count(*), sum(o.quantity), round(sum(o.quantity * p.price), 2)
FROM purchase o JOIN customer c ON c.id = o.customer JOIN product p ON p.id = o.product
GROUP BY c.city ORDER BY c.city;
SELECT c.name, count(DISTINCT o.product) kinds, max(o.day)
FROM customer c LEFT JOIN purchase o ON o.customer = c.id AND o.quantity > 8
GROUP BY c.id HAVING kinds > 0 ORDER BY kinds DESC, c.name LIMIT 5;
SELECT name, price, rank() OVER (ORDER BY price DESC), round(avg(price) OVER (ORDER BY id ROWS 3 PRECEDING), 3)
FROM product ORDER BY id LIMIT 8;
SELECT strftime('%Y-%m', day) month, sum(quantity), sum(sum(quantity)) OVER (ORDER BY strftime('%Y-%m', day))
FROM purchase GROUP BY month ORDER BY month;
SELECT count(*) FROM purchase a JOIN purchase b ON a.customer = b.customer AND a.id < b.id AND a.product = b.product;
SELECT id FROM product EXCEPT SELECT product FROM purchase WHERE quantity = 9 ORDER BY 1 LIMIT 5;
EXPLAIN QUERY PLAN SELECT * FROM purchase WHERE customer = 7 AND day > '2024-06-01';

-- transactions
BEGIN; UPDATE product SET price = price * 2; SELECT round(sum(price), 2) FROM product; ROLLBACK;
SELECT round(sum(price), 2) FROM product;
BEGIN;
DELETE FROM customer WHERE id % 50 = 0;
SAVEPOINT inner;
DELETE FROM purchase;
SELECT count(*) FROM purchase;
ROLLBACK TO inner;
RELEASE inner;
COMMIT;
SELECT count(*), (SELECT count(*) FROM customer) FROM purchase;
INSERT INTO customer VALUES (1, 'again', 'Rome');
INSERT INTO product VALUES (NULL, 'free', 0);
INSERT INTO purchase(customer, product) VALUES (1, 9999);
SELECT * FROM nowhere;
INSERT INTO customer(id, name) VALUES (1, 'renamed') ON CONFLICT(id) DO UPDATE SET name = excluded.name RETURNING id, name;

-- triggers, views, text search, JSON, spatial index
CREATE TABLE audit(what TEXT);
CREATE TRIGGER price_change AFTER UPDATE OF price ON product WHEN old.price <> new.price
BEGIN INSERT INTO audit VALUES (printf('%s: %.2f -> %.2f', old.name, old.price, new.price)); END;
UPDATE product SET price = price + 1 WHERE id IN (3, 5, 8);
SELECT * FROM audit;
CREATE VIEW best AS SELECT product, sum(quantity) sold FROM purchase GROUP BY product ORDER BY sold DESC, product LIMIT 3;
SELECT * FROM best;
CREATE VIRTUAL TABLE note USING fts5(body);
INSERT INTO note VALUES ('the quick brown fox'), ('lazy dogs sleep'), ('a fox and a dog');
SELECT rowid, highlight(note, 0, '[', ']') FROM note WHERE note MATCH 'fox NOT quick' ORDER BY rank;
SELECT json_extract('{"a":[1,2,{"b":"deep"}]}', '$.a[2].b'), json_group_array(id) FROM product WHERE id < 6;
CREATE VIRTUAL TABLE box USING rtree(id, x0, x1, y0, y1);
INSERT INTO box SELECT id, id, id + 1.5, id * 2, id * 2 + 1 FROM product;
SELECT id FROM box WHERE x1 >= 10 AND x0 <= 12 AND y0 > 19 ORDER BY id;
SELECT hex(zeroblob(4)), quote(x'00ff'), typeof(1.0), 9223372036854775807 + 0, 1e999, round(2.5), abs(-3), 7 / 2, 7 % -3;
SELECT round(sqrt(2), 12), round(exp(1), 12), round(sin(1), 12), upper('straße'), length('日本語'), instr('abc', 'c');
VACUUM;
PRAGMA integrity_check;
