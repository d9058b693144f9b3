-- Fills the tables at the scale that the setting tpch.scale names, with the distributions of the specification
-- (clause 4.2.3). Every value is a hash of its row's number and of what it is (the salt), so the same scale gives
-- the same rows, whatever plan makes them; `make_orders` makes further ones for the changes.

-- A whole number from lowest to highest.
CREATE FUNCTION one_of(number bigint, salt int, lowest int, highest int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT lowest + ((hashint8extended(number, salt) & 2147483647) % (highest - lowest + 1))::int $$;

CREATE FUNCTION tpch_rows(base bigint) RETURNS int LANGUAGE sql STABLE AS
$$ SELECT greatest(1, (base * current_setting('tpch.scale')::numeric))::int $$;

-- Words in the manner of the specification's grammar; `special … requests` and the like occur in about 1 % of the texts.
CREATE FUNCTION words(number bigint, salt int, count int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT string_agg((CASE n % 3
    WHEN 0 THEN '{special,furious,sly,careful,blithe,quick,fluffy,slow,quiet,ruthless,thin,close,dogged,daring,brave,stealthy,permanent,enticing,idle,busy,regular,final,ironic,even,bold,silent,pending,express,unusual}'::text[]
    WHEN 1 THEN '{requests,foxes,ideas,theodolites,pinto beans,instructions,dependencies,excuses,platelets,asymptotes,courts,dolphins,multipliers,sauternes,warthogs,frets,dinos,attainments,somas,braids,hockey players,pearls,packages,accounts,deposits}'::text[]
    ELSE '{sleep,wake,are,cajole,haggle,nag,use,boost,affix,detect,integrate,maintain,nod,was,lose,sublate,solve,thrash,promise,engage,hinder,print,x-ray,breach,eat,grow,impress,mold,poach}'::text[]
    END)[one_of(number, salt + n, 1, 25)], ' ' ORDER BY n) FROM generate_series(1, count) n $$;

INSERT INTO region SELECT n - 1, ('{AFRICA,AMERICA,ASIA,EUROPE,MIDDLE EAST}'::text[])[n], words(n, 1, 6) FROM generate_series(1, 5) n;

INSERT INTO nation SELECT n - 1,
    ('{ALGERIA,ARGENTINA,BRAZIL,CANADA,EGYPT,ETHIOPIA,FRANCE,GERMANY,INDIA,INDONESIA,IRAN,IRAQ,JAPAN,JORDAN,KENYA,MOROCCO,MOZAMBIQUE,PERU,CHINA,ROMANIA,SAUDI ARABIA,VIETNAM,RUSSIA,UNITED KINGDOM,UNITED STATES}'::text[])[n],
    ('{0,1,1,1,4,0,3,3,2,2,4,4,2,4,0,0,0,1,2,3,4,2,3,3,1}'::int[])[n], words(n, 2, 6) FROM generate_series(1, 25) n;

CREATE FUNCTION phone(number bigint, nation int) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT (nation + 10) || '-' || one_of(number, 90, 100, 999) || '-' || one_of(number, 91, 100, 999) || '-' || one_of(number, 92, 1000, 9999) $$;

-- 5 of 10,000 suppliers have complaints, 5 are recommended.
INSERT INTO supplier SELECT n, 'Supplier#' || lpad(n::text, 9, '0'), left(md5(n::text), one_of(n, 11, 10, 32)), nation, phone(n, nation),
    one_of(n, 13, -99999, 999999) / 100.0,
    CASE WHEN n % 2000 = 7 THEN 'blithe Customer foxes sleep Complaints' WHEN n % 2000 = 8 THEN 'idle Customer dinos Recommends' ELSE words(n, 14, 6) END
  FROM (SELECT n, one_of(n, 12, 0, 24) AS nation FROM generate_series(1, tpch_rows(10000)) n) s;

CREATE FUNCTION colors(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT string_agg(('{almond,antique,aquamarine,azure,beige,bisque,black,blanched,blue,blush,brown,burlywood,burnished,chartreuse,chiffon,chocolate,coral,cornflower,cornsilk,cream,cyan,dark,deep,dim,dodger,drab,firebrick,floral,forest,frosted,gainsboro,ghost,goldenrod,green,grey,honeydew,hot,indian,ivory,khaki,lace,lavender,lawn,lemon,light,lime,linen,magenta,maroon,medium,metallic,midnight,mint,misty,moccasin,navajo,navy,olive,orange,orchid,pale,papaya,peach,peru,pink,plum,powder,puff,purple,red,rose,rosy,royal,saddle,salmon,sandy,seashell,sienna,sky,slate,smoke,snow,spring,steel,tan,thistle,tomato,turquoise,violet,wheat,white,yellow}'::text[])
    [1 + (one_of(number, 20, 0, 91) + 17 * n) % 92], ' ' ORDER BY n) FROM generate_series(1, 5) n $$;

CREATE FUNCTION retail_price(part bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS
$$ SELECT (90000 + (part / 10) % 20001 + 100 * (part % 1000)) / 100.0 $$;

INSERT INTO part SELECT n, colors(n), 'Manufacturer#' || m, 'Brand#' || m || one_of(n, 22, 1, 5),
    ('{STANDARD,SMALL,MEDIUM,LARGE,ECONOMY,PROMO}'::text[])[one_of(n, 23, 1, 6)] || ' ' ||
    ('{ANODIZED,BURNISHED,PLATED,POLISHED,BRUSHED}'::text[])[one_of(n, 24, 1, 5)] || ' ' || ('{TIN,NICKEL,BRASS,STEEL,COPPER}'::text[])[one_of(n, 25, 1, 5)],
    one_of(n, 26, 1, 50),
    ('{SM,LG,MED,JUMBO,WRAP}'::text[])[one_of(n, 27, 1, 5)] || ' ' || ('{CASE,BOX,BAG,JAR,PKG,PACK,CAN,DRUM}'::text[])[one_of(n, 28, 1, 8)],
    retail_price(n), left(words(n, 29, 2), 22)
  FROM (SELECT n, one_of(n, 21, 1, 5) AS m FROM generate_series(1, tpch_rows(200000)) n) p;

-- The four suppliers of a part.
CREATE FUNCTION supplier_of(part bigint, number int, suppliers int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT ((part + number * (suppliers / 4 + (part - 1) / suppliers)) % suppliers + 1)::int $$;

INSERT INTO partsupp SELECT p, s, min(one_of(4 * p + i, 31, 1, 9999)), min(one_of(4 * p + i, 32, 100, 100000)) / 100.0, min(words(4 * p + i, 33, 10))
  FROM (SELECT p, i, supplier_of(p, i, tpch_rows(10000)) AS s FROM generate_series(1, tpch_rows(200000)) p, generate_series(0, 3) i) x GROUP BY p, s;

INSERT INTO customer SELECT n, 'Customer#' || lpad(n::text, 9, '0'), left(md5(n::text), one_of(n, 41, 10, 32)), nation, phone(n, nation),
    one_of(n, 43, -99999, 999999) / 100.0, ('{AUTOMOBILE,BUILDING,FURNITURE,MACHINERY,HOUSEHOLD}'::text[])[one_of(n, 44, 1, 5)], words(n, 45, 6)
  FROM (SELECT n, one_of(n, 42, 0, 24) AS nation FROM generate_series(1, tpch_rows(150000)) n) c;

-- Orders of the numbers first to last with their lines. Of 32 keys the first 8 are used; every third customer has no orders.
CREATE FUNCTION make_orders(first bigint, last bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE customers int := tpch_rows(150000); parts int := tpch_rows(200000); suppliers int := tpch_rows(10000); clerks int := tpch_rows(1000);
BEGIN
  CREATE TEMP TABLE IF NOT EXISTS numbered (key bigint, number bigint, customer int, made date);
  TRUNCATE numbered;
  INSERT INTO numbered SELECT (n - 1) / 8 * 32 + (n - 1) % 8 + 1, n, greatest(1, c - (c % 3 = 0)::int), date '1992-01-01' + one_of(n, 52, 0, 2405)
    FROM (SELECT n, one_of(n, 51, 1, customers) AS c FROM generate_series(first, last) n) x;
  INSERT INTO lineitem SELECT key, part, supplier_of(part, one_of(line, 62, 0, 3), suppliers), i, quantity, quantity * retail_price(part),
      one_of(line, 64, 0, 10) / 100.0, one_of(line, 65, 0, 8) / 100.0,
      CASE WHEN shipped + arrives > date '1995-06-17' THEN 'N' WHEN one_of(line, 69, 0, 1) = 0 THEN 'R' ELSE 'A' END,
      CASE WHEN shipped > date '1995-06-17' THEN 'O' ELSE 'F' END, shipped, made + one_of(line, 67, 30, 90), shipped + arrives,
      ('{DELIVER IN PERSON,COLLECT COD,NONE,TAKE BACK RETURN}'::text[])[one_of(line, 70, 1, 4)],
      ('{REG AIR,AIR,RAIL,SHIP,TRUCK,MAIL,FOB}'::text[])[one_of(line, 71, 1, 7)], left(words(line, 72, 3), 43)
    FROM (SELECT o.*, i, 8 * number + i AS line, one_of(8 * number + i, 61, 1, parts) AS part, one_of(8 * number + i, 63, 1, 50) AS quantity,
            made + one_of(8 * number + i, 66, 1, 121) AS shipped, one_of(8 * number + i, 68, 1, 30) AS arrives
          FROM numbered o, generate_series(1, one_of(number, 53, 1, 7)) i) l;
  INSERT INTO orders SELECT key, min(customer), CASE WHEN min(l_linestatus) <> max(l_linestatus) THEN 'P' ELSE min(l_linestatus) END,
      sum(round(l_extendedprice * (1 + l_tax) * (1 - l_discount), 2)), min(made),
      ('{1-URGENT,2-HIGH,3-MEDIUM,4-NOT SPECIFIED,5-LOW}'::text[])[one_of(min(number), 54, 1, 5)],
      'Clerk#' || lpad(one_of(min(number), 55, 1, clerks)::text, 9, '0'), 0, words(min(number), 56, 6)
    FROM numbered JOIN lineitem ON l_orderkey = key GROUP BY key;
END $$;
SELECT make_orders(1, tpch_rows(1500000));
