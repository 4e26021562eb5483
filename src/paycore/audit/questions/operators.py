"""I26, of what operators did: whose was it at the desk, was it theirs, and is the log
of all that they did a whole chain.
"""

from paycore.audit.invariant import Check

# After the last act of an operator who was revoked comes the revocation's own version.
IS_AN_ACT_OF_NO_OPERATOR = """
SELECT c.pay_order_no, a.operator_id || ' ' || a.number AS about,
       o.operator_id IS NULL OR s.case_id IS NULL
       OR s.who <> o.name
       OR a.number > o.version - 1 - (o.revoked_at IS NOT NULL)::integer
       OR CASE s.what
              WHEN 'APPROVED' THEN o.role NOT IN ('approver', 'admin')
              WHEN 'TAKEN' THEN o.role NOT IN ('operator', 'approver', 'admin')
              WHEN 'PREVIEWED' THEN o.role NOT IN ('operator', 'approver', 'admin')
              WHEN 'EXECUTED' THEN o.role NOT IN ('operator', 'approver', 'admin')
              WHEN 'STALE' THEN o.role NOT IN ('operator', 'approver', 'admin')
              ELSE true
          END AS wrong,
       jsonb_build_object('case', a.case_id, 'step', a.seq, 'what', s.what,
           'who', s.who, 'operator', o.name, 'role', o.role,
           'revoked_at', o.revoked_at) AS said
FROM operators_act a
LEFT JOIN operators_operator o USING (operator_id)
LEFT JOIN desk_step s USING (case_id, seq)
LEFT JOIN desk_case c USING (case_id)
"""

# An act has the version of its operator that it was done by, so none can be missing.
IS_AN_ACT_MISSING = """
SELECT NULL::text AS pay_order_no, o.operator_id AS about,
       (a.acts, a.last) IS DISTINCT FROM (o.done, o.done) AS wrong,
       jsonb_build_object('operator', o.name, 'done', o.done, 'acts', a.acts,
           'last', a.last) AS said
FROM (
    SELECT *, version - 1 - (revoked_at IS NOT NULL)::integer AS done
    FROM operators_operator
) AS o
CROSS JOIN LATERAL (
    SELECT count(*) AS acts, coalesce(max(number), 0) AS last
    FROM operators_act WHERE operator_id = o.operator_id
) AS a
"""

# Worked out as `operators.chain` says, of the columns as they stand.
IS_AN_ENTRY_NOT_AS_WRITTEN = """
SELECT NULL::text AS pay_order_no, e.seq::text AS about,
       e.hash IS DISTINCT FROM sha256(e.previous || convert_to((
           SELECT string_agg(octet_length(f.text) || ':' || f.text, '' ORDER BY f.n)
           FROM unnest(ARRAY[
               e.seq::text, (extract(epoch FROM e.at) * 1000000)::bigint::text,
               coalesce(e.operator_id, ''), e.operator, e.role, e.act, e.subject,
               e.why, e.detail
           ]) WITH ORDINALITY AS f(text, n)), 'UTF8')) AS wrong,
       jsonb_build_object('at', e.at, 'operator', e.operator, 'act', e.act) AS said
FROM operators_entry e
"""

IS_THE_LOG_BROKEN = """
SELECT NULL::text AS pay_order_no, e.seq::text AS about,
       (e.seq, e.previous) IS DISTINCT FROM (e.number, e.before) AS wrong,
       jsonb_build_object('entry', e.number, 'act', e.act) AS said
FROM (
    SELECT seq, previous, act, row_number() OVER (ORDER BY seq) AS number,
           lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER (ORDER BY seq) AS before
    FROM operators_entry
) AS e
UNION ALL
SELECT NULL, 'its end',
       (coalesce(h.seq, 0), h.hash) IS DISTINCT FROM (coalesce(e.seq, 0), e.hash),
       jsonb_build_object('head', h.seq, 'last', e.seq)
FROM (SELECT) AS always
LEFT JOIN operators_head h ON h.chain = 'operators'
LEFT JOIN LATERAL (
    SELECT seq, hash FROM operators_entry ORDER BY seq DESC LIMIT 1
) AS e ON true
"""

# Those from before there was a log have no number of an entry, and come first.
IS_AN_ACT_NOT_IN_THE_LOG = """
SELECT c.pay_order_no, a.operator_id || ' ' || a.number AS about,
       CASE WHEN a.entry IS NULL THEN EXISTS (
                SELECT FROM operators_act b
                WHERE b.operator_id = a.operator_id AND b.number < a.number
                  AND b.entry IS NOT NULL)
            ELSE e.operator_id IS DISTINCT FROM a.operator_id
       END AS wrong,
       jsonb_build_object('case', a.case_id, 'step', a.seq, 'entry', a.entry,
           'by', e.operator) AS said
FROM operators_act a
LEFT JOIN operators_entry e ON e.seq = a.entry
LEFT JOIN desk_case c USING (case_id)
"""

ACTS = (
    Check(name="an act of no operator", sql=IS_AN_ACT_OF_NO_OPERATOR),
    Check(name="an operator's act that is missing", sql=IS_AN_ACT_MISSING),
    Check(
        name="an entry that is not as it was written", sql=IS_AN_ENTRY_NOT_AS_WRITTEN
    ),
    Check(name="the log of operators is broken", sql=IS_THE_LOG_BROKEN),
    Check(
        name="an act at the desk that is not in the log", sql=IS_AN_ACT_NOT_IN_THE_LOG
    ),
)
