-- Changes interleaved over three joined sources converge round by round.
SET client_min_messages = warning;
CREATE TABLE ks_dept (id int PRIMARY KEY, name text);
CREATE TABLE ks_emp (id int PRIMARY KEY, dept_id int, name text, salary int);
CREATE TABLE ks_bonus (emp_id int PRIMARY KEY, bonus int);
INSERT INTO ks_dept VALUES (1, 'Eng'), (2, 'Sales');
INSERT INTO ks_emp VALUES (1, 1, 'Alice', 100), (2, 1, 'Bob', 120), (3, 2, 'Charlie', 90);
INSERT INTO ks_bonus VALUES (1, 10), (2, 15), (3, 5);
\set ks_payroll_query 'SELECT d.name AS dept, e.name AS emp, e.salary + COALESCE(b.bonus, 0) AS total FROM ks_emp e JOIN ks_dept d ON e.dept_id = d.id LEFT JOIN ks_bonus b ON e.id = b.emp_id'
SELECT pgtrickle.create_stream_table('ks_payroll', :'ks_payroll_query', '1m', 'DIFFERENTIAL');
-- as filled
SELECT * FROM ks_payroll ORDER BY dept, emp;
-- a new department, and an employee moves there
INSERT INTO ks_dept VALUES (3, 'HR');
UPDATE ks_emp SET dept_id = 3 WHERE id = 3;
SELECT pgtrickle.refresh_stream_table('ks_payroll');
SELECT count(*) AS too_much FROM (SELECT * FROM ks_payroll EXCEPT ALL (:ks_payroll_query)) x;
SELECT count(*) AS missing FROM ((:ks_payroll_query) EXCEPT ALL SELECT * FROM ks_payroll) x;
SELECT * FROM ks_payroll ORDER BY dept, emp;
-- a raise, a bonus, and an employee without one
UPDATE ks_emp SET salary = 130 WHERE id = 2;
UPDATE ks_bonus SET bonus = 20 WHERE emp_id = 1;
INSERT INTO ks_emp VALUES (4, 2, 'Diana', 95);
SELECT pgtrickle.refresh_stream_table('ks_payroll');
SELECT count(*) AS too_much FROM (SELECT * FROM ks_payroll EXCEPT ALL (:ks_payroll_query)) x;
SELECT count(*) AS missing FROM ((:ks_payroll_query) EXCEPT ALL SELECT * FROM ks_payroll) x;
SELECT * FROM ks_payroll ORDER BY dept, emp;
-- deletions in all three sources
DELETE FROM ks_bonus WHERE emp_id = 3;
DELETE FROM ks_emp WHERE id = 2;
DELETE FROM ks_dept WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('ks_payroll');
SELECT count(*) AS too_much FROM (SELECT * FROM ks_payroll EXCEPT ALL (:ks_payroll_query)) x;
SELECT count(*) AS missing FROM ((:ks_payroll_query) EXCEPT ALL SELECT * FROM ks_payroll) x;
SELECT * FROM ks_payroll ORDER BY dept, emp;
SELECT pgtrickle.drop_stream_table('ks_payroll');
DROP TABLE ks_dept, ks_emp, ks_bonus;
