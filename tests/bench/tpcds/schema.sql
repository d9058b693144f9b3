-- A small retail warehouse in the manner of TPC-DS: two channels of sales, returns, stock, and their dimensions.
CREATE TABLE day (d_key int PRIMARY KEY, d_date date NOT NULL, d_year int NOT NULL, d_quarter int NOT NULL, d_month int NOT NULL, d_weekday int NOT NULL);
CREATE TABLE item (i_key int PRIMARY KEY, i_category text, i_class text, i_brand text, i_price numeric(7,2));
CREATE TABLE store (s_key int PRIMARY KEY, s_name text NOT NULL, s_state text, s_county text);
CREATE TABLE buyer (b_key int PRIMARY KEY, b_state text, b_born int, b_gender char(1));
CREATE TABLE store_sale (
  ss_ticket bigint NOT NULL, ss_item int NOT NULL, ss_day int, ss_buyer int, ss_store int, ss_quantity int, ss_price numeric(7,2),
  ss_profit numeric(7,2), PRIMARY KEY (ss_ticket, ss_item));
CREATE TABLE web_sale (
  ws_order bigint NOT NULL, ws_item int NOT NULL, ws_day int, ws_buyer int, ws_quantity int, ws_price numeric(7,2),
  ws_profit numeric(7,2), PRIMARY KEY (ws_order, ws_item));
CREATE TABLE store_return (sr_ticket bigint NOT NULL, sr_item int NOT NULL, sr_day int, sr_amount numeric(7,2), sr_reason text);
CREATE TABLE stock (k_item int NOT NULL, k_store int NOT NULL, k_day int NOT NULL, k_quantity int, PRIMARY KEY (k_item, k_store, k_day));
