-- What a search compares with: decisions/0015. Texts are compared in small letters and normal width, as `wangge.grams` stores them.
CREATE OR REPLACE FUNCTION wangge.folded(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT lower(normalize(value, NFKC) COLLATE pg_catalog.pg_c_utf8)
$$;

CREATE OR REPLACE FUNCTION wangge.folded(texts text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT array_agg(wangge.folded(word)) FROM unnest(texts) AS word
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

-- Whether a text holds every one of some folded words.
CREATE OR REPLACE FUNCTION wangge.holds(value text, words text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    whole text := wangge.folded(value);
    word text;
BEGIN
    FOREACH word IN ARRAY words LOOP
        IF strpos(whole, word) = 0 THEN
            RETURN FALSE;
        END IF;
    END LOOP;
    RETURN TRUE;
END $$;

-- How well one cell fits: 0 it is what was typed, 1 it begins so, 2 its initials do, 3 anything else. `spelt` and `initials`
-- are null for a text that is not read, `letters` for what is no pinyin.
CREATE OR REPLACE FUNCTION wangge.fit(value text, spelt text, initials text, whole text, letters text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    found text := wangge.folded(value);
BEGIN
    IF found = whole OR spelt = letters THEN
        RETURN 0;
    ELSIF starts_with(found, whole) OR starts_with(spelt, letters) THEN
        RETURN 1;
    ELSIF starts_with(initials, letters) THEN
        RETURN 2;
    END IF;
    RETURN 3;
END $$;
