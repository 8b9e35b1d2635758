-- What a search compares with: decisions/0015. Texts are compared in small letters and normal width, as `wangge.grams` stores them.
CREATE OR REPLACE FUNCTION wangge.folded(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT lower(normalize(value, NFKC) COLLATE pg_catalog.pg_c_utf8)
$$;

-- Patterns for LIKE ALL: a text that holds every one of these words.
CREATE OR REPLACE FUNCTION wangge.holding(words text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT array_agg('%' || regexp_replace(wangge.folded(word), '([%_\\])', '\\\1', 'g') || '%') FROM unnest(words) AS word
$$;

-- The grams that a row must have which holds all of these words: pairs of characters, of a word of one character itself.
CREATE OR REPLACE FUNCTION wangge.sought(words text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    found text[] := '{}';
    word text;
    letters text[];
BEGIN
    FOREACH word IN ARRAY words LOOP
        letters := string_to_array(wangge.folded(word), NULL);
        IF cardinality(letters) = 1 THEN
            found := found || letters;
        ELSE
            found := found || ARRAY(SELECT a || b FROM unnest(letters, letters[2:]) AS pair(a, b) WHERE b IS NOT NULL);
        END IF;
    END LOOP;
    RETURN found;
END $$;
